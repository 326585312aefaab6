"""A serial line through termios, in raw mode: every byte passes as it is."""

from __future__ import annotations

import errno
import os
import termios

import trio

from transports.address import BAUD_RATES
from transports.errors import CannotOpen

_SPEEDS: dict[int, int] = {rate: getattr(termios, f"B{rate}") for rate in BAUD_RATES if hasattr(termios, f"B{rate}")}

# The places in what tcgetattr returns (termios(3)).
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _ISPEED, _OSPEED, _CC = range(7)

Attributes = list[int | list[bytes | int]]


class SerialStream(trio.abc.Stream):
    """An open serial line; closing it gives the line the settings back that it had."""

    def __init__(self, fd: int, before: Attributes) -> None:
        self._stream = trio.lowlevel.FdStream(fd)
        self._before: Attributes | None = before

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next bytes; ``b""`` when the line hangs up (an unplugged adapter, a pty whose other end
        closed).
        """
        try:
            return await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO:
                return b""
            raise

    async def aclose(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            _restore(self._stream.fileno(), before)
        await self._stream.aclose()


def open_serial(path: str, baud: int) -> SerialStream:
    """Open ``path`` raw at ``baud``, 8 data bits, no parity, 1 stop bit, no flow control; or `CannotOpen`.

    What had come in before is thrown away, as gdb does: it could be taken for a reply.
    """
    try:
        # Not blocking, as opening could otherwise wait for a carrier; not our controlling terminal.
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CannotOpen(_sentence(error, path)) from error
    try:
        before: Attributes = termios.tcgetattr(fd)
        termios.tcsetattr(fd, termios.TCSANOW, _raw(before, _SPEEDS[baud]))
        termios.tcflush(fd, termios.TCIFLUSH)
    except termios.error as error:
        os.close(fd)
        raise CannotOpen(_sentence(OSError(*error.args), path)) from error
    return SerialStream(fd, before)


def _raw(before: Attributes, speed: int) -> Attributes:
    _, _, _, _, _, _, characters = before
    assert isinstance(characters, list)
    control = list(characters)
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    after = list(before)
    after[_IFLAG] = after[_OFLAG] = after[_LFLAG] = 0
    after[_CFLAG] = termios.CS8 | termios.CREAD | termios.CLOCAL
    after[_ISPEED] = after[_OSPEED] = speed
    after[_CC] = control
    return after


def _restore(fd: int, before: Attributes) -> None:
    try:
        termios.tcsetattr(fd, termios.TCSANOW, before)
    except termios.error:
        return  # the line is gone, and its settings with it


def _sentence(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"There is no serial device {path!r}; 'ls /dev/ttyS* /dev/ttyUSB*' shows what there is."
        case errno.EACCES | errno.EPERM:
            return f"You may not open the serial device {path!r}: join the group that owns it (often dialout)."
        case errno.EBUSY:
            return f"The serial device {path!r} is in use by another program."
        case errno.ENOTTY | errno.EINVAL:
            return f"{path!r} is not a serial line."
        case errno.EIO | errno.ENXIO | errno.ENODEV:
            return f"There is no hardware behind the serial device {path!r}."
    return f"The serial device {path!r} could not be opened: {error.strerror}."
