"""Opening files that somebody else may have made: a name can be a FIFO that nobody writes to, or /dev/zero."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, for reading. Raises `OSError`, whose ``strerror`` is fit for a sentence, for all else; never
    waits."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return open(fd, "rb")
    except BaseException:
        os.close(fd)
        raise
