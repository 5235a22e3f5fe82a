"""The command that serves a run to browsers."""

from __future__ import annotations

from osrmac.cli.arguments import Output, Run
from osrmac.cli.output import write
from osrmac.config import ServeConfig
from osrmac.errors import ConfigError

__all__ = ["serve"]

_EXTRA = ("multipart", "python_multipart", "starlette", "uvicorn")


def serve(run: Run, server: ServeConfig = ServeConfig(), output: Output = Output()) -> None:
    """Search and browse a run in a browser."""
    try:
        from osrmac.server.start import serve
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ConfigError("the web application is not installed: pip install 'osrmac[serve]'") from error

    def ready(url: str) -> None:
        write(output, [{"url": url}], summary=[f"{run} at {url} (Ctrl-C ends)"])

    serve(run, server, ready)
