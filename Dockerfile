# osrmac with everything it needs to run without a network, on CPUs or on NVIDIA GPUs; see docs/image.md.
#
#   docker build --tag osrmac:0.2.0 .
#   docker build --tag osrmac:0.2.0-cuda --build-arg TORCH_INDEX=https://pypi.org/simple .
#
# The two differ only in the wheels of torch: those of PyPI bring CUDA's libraries, so no CUDA base image is needed.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRA_PACKAGES=""

# tini reaps the processes that Ray leaves behind. KubeRay's probes call bash and wget; Ray's cluster launcher copies files
# with rsync, and connects to worker nodes with ssh.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssh-client rsync tini wget \
    && rm -rf /var/lib/apt/lists/*

# Ray's launcher mounts files of uid 1000, the `ubuntu` of AWS. OpenShift chooses a uid, in group 0. Login shells, which
# Ray's launcher starts, reset PATH.
ENV PATH=/opt/osrmac/bin:$PATH
# hadolint ignore=SC2016
RUN useradd --uid 1000 --gid 0 --create-home osrmac \
    && chmod g=u /home/osrmac \
    && install --directory --owner osrmac --group 0 --mode 775 /data \
    && echo 'export PATH=/opt/osrmac/bin:$PATH' > /etc/profile.d/osrmac.sh

# The dependencies have a layer of their own, gigabytes that a new version of osrmac leaves as they are: here, osrmac is
# an empty package. boto3 lets Ray's autoscaler start instances on AWS.
WORKDIR /src
COPY pyproject.toml constraints.txt ./
RUN python3 -m venv /opt/osrmac \
    && touch README.md LICENSE \
    && mkdir osrmac && echo '__version__ = "0"' > osrmac/__init__.py \
    && pip install --no-cache-dir --constraint constraints.txt --extra-index-url "$TORCH_INDEX" \
       '.[lite,demo,serve,heif,cluster]' boto3 $EXTRA_PACKAGES

COPY README.md LICENSE ./
COPY osrmac osrmac
RUN pip install --no-cache-dir --no-deps .
COPY image/healthcheck.py /opt/osrmac/

LABEL org.opencontainers.image.title="osrmac" \
      org.opencontainers.image.description="Instance-level image search at scale, without training" \
      org.opencontainers.image.source="https://github.com/OWNER/osrmac" \
      org.opencontainers.image.documentation="https://github.com/OWNER/osrmac/blob/main/docs/image.md" \
      org.opencontainers.image.licenses="Apache-2.0"

# A uid that /etc/passwd lacks has no name and no home. Ray sends no statistics.
ENV HOME=/home/osrmac \
    USER=osrmac \
    RAY_USAGE_STATS_ENABLED=0
USER 1000
WORKDIR /data
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s CMD ["python", "/opt/osrmac/healthcheck.py"]
ENTRYPOINT ["tini", "-g", "--"]
CMD ["osrmac", "--help"]
