"""Where the target is: the text that the user gives, and one frozen class for each form of it.

The forms follow gdb's ``target remote``. `str` of an address is its canonical form, as it stands in the
header of a trace or a recording; parsing it again gives the same address. The one question that text alone
cannot answer, what kind of file a path names, is asked through a function that the caller may replace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

FORMS = "HOST:PORT, unix:PATH, /dev/ttyS0, serial:PATH?baud=N, |COMMAND, gdbsx:HOST:PORT, xen:DOMAIN or replay:FILE"

DEFAULT_BAUD = 115200
BAUD_RATES = (
    *(300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000),
    *(921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000),
)
"""Those that Linux has a termios constant for, from 300 up."""

IpVersion = Literal["", "4", "6"]
FileKind = Literal["socket", "device", "other", "nothing"]


class BadTarget(ValueError):
    """The text is not a TARGET; the sentence says what it could have been."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """``ip`` restricts the address family; empty leaves the choice to the resolver."""

    host: str
    port: int
    ip: IpVersion = ""

    def __str__(self) -> str:
        return f"tcp{self.ip}:{host_port(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class Unix:
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class Serial:
    path: str
    baud: int = DEFAULT_BAUD

    def __str__(self) -> str:
        return f"serial:{self.path}?baud={self.baud}"


@dataclass(frozen=True, slots=True)
class Program:
    """A command line for ``/bin/sh``, as in gdb's ``target remote | COMMAND``."""

    line: str

    def __str__(self) -> str:
        return f"|{self.line}"


@dataclass(frozen=True, slots=True)
class Gdbsx:
    """A gdbsx that already listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"gdbsx:{host_port(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class Xen:
    """A domain, by name or number, of the Xen whose dom0 we are in."""

    domain: str

    def __str__(self) -> str:
        return f"xen:{self.domain}"


@dataclass(frozen=True, slots=True)
class Replay:
    path: str

    def __str__(self) -> str:
        return f"replay:{self.path}"


Address = Tcp | Unix | Serial | Program | Gdbsx | Xen | Replay


def host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def file_kind(path: str) -> FileKind:
    """What ``path`` names now, links followed; what cannot be looked at is ``"nothing"``."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "nothing"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "device" if stat.S_ISCHR(mode) else "other"


def parse_target(text: str, *, kind_of: Callable[[str], FileKind] = file_kind) -> Address:
    """The address that ``text`` names (``HOST:PORT``, ``unix:PATH``, …). Raises `BadTarget`. ``kind_of`` tells what a
    path names."""
    text = text.strip()
    if not text:
        raise BadTarget(f"The target is empty; give {FORMS}.")
    if not text.isprintable():
        raise BadTarget(f"The target {text!r} holds a control character; give {FORMS}.")
    if text.startswith("|"):
        return _command(text[1:], text)
    if text.startswith("["):
        return Tcp(*_host_port(text, text))
    scheme, colon, rest = text.partition(":")
    if colon and scheme in _FORMS_BY_SCHEME:
        return _FORMS_BY_SCHEME[scheme](rest, text)
    found = _path(text, kind_of)
    return found if found is not None else Tcp(*_host_port(text, text))


def _path(text: str, kind_of: Callable[[str], FileKind]) -> Address | None:
    """The address when ``text`` is a path: of a socket, a device, or of something that is still to come."""
    kind = kind_of(text)
    if kind == "socket":
        return Unix(text)
    if kind == "device" or text.startswith("/dev/"):
        return Serial(text)
    if kind == "other":
        raise BadTarget(
            f"{text!r} is neither a socket nor a serial device; a recording is replay:{text}, and a guest's "
            f"image is started with 'dr6 launch {text}'."
        )
    return Unix(text) if text.startswith(("/", "./", "../")) else None


def _command(rest: str, text: str) -> Program:
    line = rest.strip()
    if not line:
        raise BadTarget("No command after '|'; write for example '|ssh host gdbserver - program'.")
    return Program(line)


def _unix(rest: str, text: str) -> Unix:
    if not rest:
        raise BadTarget("No path after 'unix:'; write for example unix:/tmp/gdb.sock.")
    return Unix(rest)


def _replay(rest: str, text: str) -> Replay:
    if not rest:
        raise BadTarget("No file after 'replay:'; give a recording that --record wrote.")
    return Replay(rest)


def _xen(rest: str, text: str) -> Xen:
    if not rest:
        raise BadTarget("No domain after 'xen:'; give its name or number as 'xl list' shows it.")
    return Xen(rest)


def _serial(rest: str, text: str) -> Serial:
    path, _, query = rest.partition("?")
    if not path:
        raise BadTarget("No device after 'serial:'; write for example serial:/dev/ttyS0?baud=115200.")
    key, _, baud = query.partition("=") if query else ("baud", "", str(DEFAULT_BAUD))
    if key != "baud":
        raise BadTarget(f"The target {text!r} has an option other than baud=N, the only one there is.")
    if not _is_number(baud) or int(baud) not in BAUD_RATES:
        raise BadTarget(f"{baud!r} is not a baud rate of Linux; usual ones are 9600, 38400 and 115200.")
    return Serial(path, int(baud))


def _tcp(rest: str, text: str) -> Tcp:
    return Tcp(*_host_port(rest, text))


def _tcp4(rest: str, text: str) -> Tcp:
    return Tcp(*_host_port(rest, text), "4")


def _tcp6(rest: str, text: str) -> Tcp:
    return Tcp(*_host_port(rest, text), "6")


def _gdbsx(rest: str, text: str) -> Gdbsx:
    return Gdbsx(*_host_port(rest, text))


_FORMS_BY_SCHEME: dict[str, Callable[[str, str], Address]] = {
    "tcp": _tcp,
    "tcp4": _tcp4,
    "tcp6": _tcp6,
    "unix": _unix,
    "serial": _serial,
    "gdbsx": _gdbsx,
    "xen": _xen,
    "replay": _replay,
}


def _host_port(rest: str, text: str) -> tuple[str, int]:
    """Split ``HOST:PORT``, ``:PORT`` or ``[V6]:PORT``; ``text`` is the whole target, for the sentence."""
    if rest.startswith("["):
        host, bracket, tail = rest[1:].partition("]")
        if not bracket or not host or not tail.startswith(":"):
            raise BadTarget(f"The target {text!r} looks like an IPv6 address; write it as [::1]:1234.")
        return host, _port(tail[1:], text)
    host, colon, port = rest.rpartition(":")
    if not colon:
        raise BadTarget(_no_port(rest, text))
    if ":" in host:
        raise BadTarget(_many_colons(host, port, text))
    if "/" in host or " " in host:
        raise BadTarget(f"{host!r} in the target {text!r} is not a host name; give {FORMS}.")
    return host or "localhost", _port(port, text)


def _port(port: str, text: str) -> int:
    if _is_number(port) and 0 < int(port) < 65536:
        return int(port)
    raise BadTarget(f"{port!r} in the target {text!r} is not a port: a number from 1 to 65535.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _closest(word: str) -> str | None:
    import difflib  # only a mistake needs it

    return next(iter(difflib.get_close_matches(word, _FORMS_BY_SCHEME, n=1)), None)


def _no_port(rest: str, text: str) -> str:
    if _is_number(rest):
        return f"The target {text!r} is a port without its colon; write :{rest} for this machine."
    if scheme := _closest(rest.lower()):
        return f"The target {text!r} says a kind but not where; its form is {_EXAMPLES[scheme]}."
    if not rest:
        return f"The target {text!r} names no host and port; write for example localhost:1234."
    return (
        f"The target {text!r} has no port, and no file has that name; write {rest}:1234 for a host, "
        f"unix:{rest} for a socket."
    )


def _many_colons(host: str, port: str, text: str) -> str:
    scheme = host.partition(":")[0].lower()
    if scheme in ("http", "https", "udp", "qemu"):
        return f"dr6 has no target of the kind {scheme!r}; give {FORMS}."
    if scheme and not set(scheme) <= set("0123456789abcdef"):
        meant = _closest(scheme)
        guess = f"did you mean {_EXAMPLES[meant]}?" if meant else f"give {FORMS}."
        return f"The target {text!r} has no form that dr6 knows: {guess}"
    return f"The target {text!r} has too many colons; write an IPv6 address in brackets: [{host}]:{port}."


_EXAMPLES = {
    "tcp": "tcp:HOST:PORT",
    "tcp4": "tcp4:HOST:PORT",
    "tcp6": "tcp6:[HOST]:PORT",
    "unix": "unix:PATH",
    "serial": "serial:/dev/ttyS0?baud=115200",
    "gdbsx": "gdbsx:HOST:PORT",
    "xen": "xen:DOMAIN",
    "replay": "replay:FILE",
}
