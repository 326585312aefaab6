"""The libraries of the extra ``dr6[columns]``: loaded where a trace has columns, and missed in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gdbstub.trace.errors import TraceError


@contextmanager
def columns_extra(what: str) -> Iterator[None]:
    """Around an import of what needs the libraries; ``what`` begins the sentence where they are not installed."""
    try:
        yield
    except ImportError as error:
        missing = error.name or "a library"
        raise TraceError(f"{what} needs {missing}, which is not installed: pip install 'dr6[columns]'.") from error
