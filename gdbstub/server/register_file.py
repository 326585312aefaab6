"""The registers that a client sees: the stub's own, and behind them what else is known of the CPU.

One description holds for the whole connection, whatever mode the CPU is in, so gdb never meets a ``g`` of another
length ("Remote 'g' packet reply is too long"). The stub's registers keep their numbers and their bytes; the others are
named as the Intel SDM names them (vol. 3A 2.1: system registers; vol. 3B 18.2: debug registers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import (
    Feature,
    Field,
    Flags,
    Register,
    RegisterLayout,
    decode_register,
    encode_register,
    format_description,
    make_layout,
)
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import RFLAGS

CORE_FEATURE = "org.gnu.gdb.i386.core"
DEBUG_FEATURE, SYSTEM_FEATURE = "org.dr6.x86.debug", "org.dr6.x86.system"
DEFAULT_ARCHITECTURE: Final = "i386:x86-64"


class Extra(NamedTuple):
    """A register that the stub does not have, and how it is read off a `CpuState` (None: not known)."""

    name: str
    bits: int
    feature: str
    read: Callable[[CpuState], int | None]
    type: str = ""


def _debug(name: str) -> Extra:
    return Extra(name, 64, DEBUG_FEATURE, lambda state: getattr(state.debug, name))


def _base(segment: str) -> Extra:
    def read(state: CpuState) -> int | None:
        return None if state.segments is None else state.segments[segment].base

    return Extra(f"{segment}_base", 64, SYSTEM_FEATURE, read)


def _table(name: str, part: int, suffix: str, bits: int) -> Extra:
    def read(state: CpuState) -> int | None:
        return None if state.tables is None else getattr(state.tables, name)[part]

    return Extra(f"{name}r_{suffix}", bits, SYSTEM_FEATURE, read)


def _system_segment(name: str, field: str, bits: int, shown: str) -> Extra:
    def read(state: CpuState) -> int | None:
        return None if state.tables is None else getattr(getattr(state.tables, name), field)

    return Extra(shown, bits, SYSTEM_FEATURE, read)


EXTRAS: Final[tuple[Extra, ...]] = (
    *(_debug(name) for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")),
    *(_base(segment) for segment in ("cs", "ss", "ds", "es", "fs", "gs")),
    _table("gdt", 0, "base", 64),
    _table("gdt", 1, "limit", 32),
    _table("idt", 0, "base", 64),
    _table("idt", 1, "limit", 32),
    _system_segment("ldt", "selector", 32, "ldtr"),
    _system_segment("ldt", "base", 64, "ldtr_base"),
    _system_segment("tr", "selector", 32, "tr"),
    _system_segment("tr", "base", 64, "tr_base"),
)
"""In the order of their numbers. One that the stub has itself is left to it."""


def _unknown(name: str, bits: int, type_: str) -> Extra:
    return Extra(name, bits, CORE_FEATURE, lambda state: None, type_)


X87: Final[tuple[Extra, ...]] = (
    *(_unknown(f"st{number}", 80, "i387_ext") for number in range(8)),
    *(_unknown(f"f{name}", 32, "int") for name in ("ctrl", "stat", "tag", "iseg", "ioff", "oseg", "ooff", "op")),
)
"""gdb takes no description of x86 without them (gdb manual, "i386 Features"); a stub that describes nothing, such as
gdbsx, doesn't have them, so they are unavailable."""


EFLAGS: Final = Flags(
    "i386_eflags",
    4,
    tuple(Field(field.name, None, field.bit, field.bit + field.width - 1) for field in RFLAGS),
)
TYPES: Final = {
    **dict.fromkeys(("rip", "eip"), "code_ptr"),
    **dict.fromkeys(("rsp", "rbp", "esp", "ebp"), "data_ptr"),
    "eflags": EFLAGS.id,
}
"""How gdb's own description of x86 has them; other registers are numbers."""


class Write(NamedTuple):
    """One register that a client gave another value."""

    name: str
    value: int


def _described(register: Register, feature: str) -> Register:
    return register._replace(feature=feature, type=TYPES.get(register.name, register.type))


class RegisterFile:
    """The description for one stub, and registers to and from packets. Values are little-endian hex digits."""

    def __init__(self, stub: RegisterLayout, *, outside_g: bool = False, alone: bool = False) -> None:
        """With ``outside_g`` the extras are not in ``g``, which a debugger asks for at every stop: it asks for one
        that it wants by ``p`` (gdb's remote.c, `process_g_packet`: registers behind the end of ``g``). ``alone``: there
        are none, and the stub's registers are as it describes them."""
        self._stub = stub
        unknown = () if stub.features else X87
        extras = [] if alone else [extra for extra in (*unknown, *EXTRAS) if extra.name not in stub.by_name]
        self._extras = {extra.name: extra for extra in extras}
        self._in_g = [extra for extra in extras if not outside_g or extra in unknown]
        first = max((register.number for register in stub.registers), default=-1) + 1
        features = stub.features or (Feature(CORE_FEATURE, (EFLAGS,)),)
        # of a stub without a description, registers belong to some feature all the same
        own = [r if r.feature else _described(r, features[0].name) for r in stub.registers]
        more = [
            Register(
                extra.name,
                extra.bits,
                first + n,
                0,
                extra.type or f"uint{extra.bits}",
                None if extra.type else "system",
                extra.feature,
                saved=extra in unknown,  # they can't be given back
            )
            for n, extra in enumerate(extras)
        ]
        names = dict.fromkeys(extra.feature for extra in extras)
        used = tuple(Feature(name) for name in names if name not in {feature.name for feature in features})
        whole = make_layout([*own, *more], (*features, *used), stub.architecture or DEFAULT_ARCHITECTURE)
        self.layout = stub if alone else whole
        self._spans = {r.name: slice(2 * r.offset, 2 * (r.offset + r.size)) for r in stub.registers}
        packed = all(self.layout.by_name[r.name].offset == r.offset for r in stub.registers)
        self._order = [] if packed else [self._spans[r.name] for r in self.layout.registers if r.name in self._spans]
        """Where in the stub's ``g`` each register is, if that is otherwise than gdb reads it (``offset=``)."""
        self.description = format_description(self.layout)
        self._by_number = {register.number: register for register in self.layout.registers}

    def register(self, number: int) -> Register:
        """Raises `RemoteProtocolError` for a number that the description does not have."""
        register = self._by_number.get(number)
        if register is None:
            raise RemoteProtocolError(f"There is no register number {number}.")
        return register

    def is_extra(self, register: Register) -> bool:
        return register.name in self._extras

    def read_all(self, raw: bytes, state: CpuState) -> bytes:
        """The answer to ``g``: what the stub answered, ``raw``, and the others from ``state``."""
        whole = raw[: 2 * self._stub.size].ljust(2 * self._stub.size, b"x")
        if self._order:
            whole = b"".join([whole[span] for span in self._order])
        return whole + b"".join(self._read_extra(extra, state) for extra in self._in_g)

    def read(self, register: Register, raw: bytes, state: CpuState) -> bytes:
        """The answer to ``p``."""
        extra = self._extras.get(register.name)
        if extra is not None:
            return self._read_extra(extra, state)
        part = raw[self._spans[register.name]]
        return part.ljust(2 * register.size, b"x")

    @staticmethod
    def _read_extra(extra: Extra, state: CpuState) -> bytes:
        value = extra.read(state)
        return b"xx" * (extra.bits // 8) if value is None else encode_register(value, extra.bits // 8)

    def changes(self, wanted: bytes, now: bytes) -> list[Write]:
        """What a ``G`` asks for: the registers that differ between it and the answer to ``g``. Raises `GdbError` where
        one of them can't be written, `RemoteProtocolError` for another length."""
        if len(wanted) != len(now):
            raise RemoteProtocolError(f"Registers take {len(now) // 2} bytes; {len(wanted) // 2} came.")
        found = []
        for register in self.layout.registers:
            part = slice(2 * register.offset, 2 * (register.offset + register.size))
            if wanted[part].lower() != now[part].lower() and (value := decode_register(wanted[part])) is not None:
                found.append(self.write(register, value))
        return found

    def write(self, register: Register, value: int) -> Write:
        """A ``P``. Raises `GdbError` for a register that no stub lets anybody write."""
        if self.is_extra(register):
            raise GdbError(f"{register.name} can be read only: the stub behind dr6 has no way to write it.")
        return Write(register.name, value)


__all__ = ["EXTRAS", "RegisterFile", "Write"]
