"""Opening files that somebody else may have made, or named: a name can be a FIFO at whose other end nobody is,
/dev/zero, a device that does something when it is opened, or no name at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, for reading. Raises `OSError`, whose ``strerror`` is fit for a sentence, for all else; never
    waits."""
    _check_regular(os.stat(_name(path)), path)  # a watchdog begins when it is opened
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_regular(os.fstat(fd), path)
        return open(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def open_to_write(path: str | Path) -> int:
    """The descriptor of a new file, in the place of one that was there; of a pipe or a device of that name, too. Raises
    `OSError`; never waits, as it would for somebody who reads a pipe."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(_name(path), flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "it is a pipe that nobody reads, or no device is there", str(path)) from error
        raise
    os.set_blocking(fd, True)
    return fd


def _check_regular(found: os.stat_result, path: str | Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def _name(path: str | Path) -> str:
    """Raises `OSError` for what can be no file's name."""
    try:
        if b"\0" not in os.fsencode(path):
            return str(path)
    except UnicodeEncodeError:
        pass
    raise OSError(errno.EINVAL, "no file can have this name", str(path))
