"""The registers that code had when an event interrupted it, from those at the handler and the frame.

SDM vol. 3A 6.12.1: delivery loads CS and RIP, RSP with what it pushed below it, and SS where it changes the stack; from
virtual-8086 mode it loads the data segments with 0 as well (vol. 3B 20.3.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import VM, Mode

DATA_SEGMENTS = ("ds", "es", "fs", "gs")


def interrupted(registers: Mapping[str, int], frame: Frame, mode: Mode, cs_base: int | None) -> Mapping[str, int]:
    """``registers`` are the handler's, ``mode`` and ``cs_base`` the interrupted code's. What is unknown is left out."""
    found = {**registers, "rflags": frame.rflags, "cs": frame.cs}
    _put(found, "rsp", _stack_pointer(registers, frame, mode))
    if mode == 64:
        return found
    _put(found, "cs_base", cs_base)
    if frame.ss is not None:
        same = registers.get("ss") == frame.ss
        base = found.get("ss_base") if same and frame.ss_base is None else frame.ss_base
        found["ss"] = frame.ss
        _put(found, "ss_base", base)
    if frame.rflags & VM:
        for name in DATA_SEGMENTS:
            _put(found, name, None)
            _put(found, f"{name}_base", None)
    return found


def _put(found: dict[str, int], name: str, value: int | None) -> None:
    if value is None:
        found.pop(name, None)
    else:
        found[name] = value


def _stack_pointer(registers: Mapping[str, int], frame: Frame, mode: Mode) -> int | None:
    """As pushed; without a change of stack it is above the frame."""
    if frame.rsp is not None:
        return frame.rsp
    rsp = registers.get("rsp")
    if rsp is None or frame.size is None:
        return None
    return rsp + frame.size & (0xFFFF if mode == 16 and rsp <= 0xFFFF else LINEAR_MASKS[mode])
