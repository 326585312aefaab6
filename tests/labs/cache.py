"""What the labs keep between two runs: folders that are whole or not there.

All of it can be deleted at any time; the next run makes it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.labs.errors import LabError


def cache_root() -> Path:
    """``$XDG_CACHE_HOME/dr6/labs``; the folder exists."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    root = Path(base) / "dr6" / "labs"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"The labs cannot keep their files in {root}: {error.strerror}; set XDG_CACHE_HOME.") from error
    return root


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache. Where it is not there, ``make`` fills a new one, which becomes it.

    ``name`` says all that the content depends on. A ``make`` that fails leaves nothing; two runs at once make it once.
    """
    root = cache_root()
    folder = root / name
    if folder.is_dir():
        return folder
    with locked(name.replace("/", "+")):
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        draft.chmod(0o755)
        try:
            make(draft)
            draft.rename(folder)
        except OSError as error:
            raise LabError(f"The labs cannot write {folder}: {error.strerror}.") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time; the kernel frees the lock of one that dies."""
    folder = cache_root() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
