"""The one place that knows which dr6 this is."""

from __future__ import annotations

from importlib import metadata

FALLBACK = "0.2.0"


def version() -> str:
    """As the installed package says it; a bare checkout has no package."""
    try:
        return metadata.version("dr6")
    except metadata.PackageNotFoundError:
        return FALLBACK


def tool() -> str:
    """What the headers of traces and recordings are signed with."""
    return f"dr6 {version()}"
