"""Tar archives and Parquet files with images, made in tests."""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["HUGGING_FACE", "hugging_face_file", "tar_bytes"]

HUGGING_FACE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""Type of a column of images in Hugging Face datasets."""


def tar_bytes(
    members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], layout: int = tarfile.PAX_FORMAT, links: Any = ()
) -> bytes:
    """Return a tar archive of some members in order, and of links: (name, target, type) each."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout, errors="surrogateescape") as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target, kind in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            archive.addfile(link)
    return buffer.getvalue()


def hugging_face_file(
    file: Path, images: Sequence[bytes | None], paths: Sequence[str | None], group: int = 100
) -> None:
    """Write a Parquet file with the column `image` of Hugging Face datasets."""
    values = [{"bytes": image, "path": path} for image, path in zip(images, paths, strict=True)]
    table = pa.table({"image": pa.array(values, HUGGING_FACE), "label": list(range(len(values)))})
    pq.write_table(table, file, row_group_size=group)
