"""Evidence from a few words: what tests of `explain` are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from gdbstub.backends import ABILITIES
from gdbstub.explain.abilities import UNKNOWN
from gdbstub.explain.evidence import (
    Action,
    CodeBytes,
    CpuFacts,
    Evidence,
    Fact,
    Known,
    Platform,
    SteppedOver,
    T,
    Unknown,
)
from gdbstub.explain.evidence_json import parse_reply
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import Mode

HANDLER = 0x200000
CODE = 0x1000
"""Where the code of a case begins."""


def know(value: T | None) -> Fact[T]:
    return Unknown("not given") if value is None else Known(value, "test")


def platform(
    backend: str | None = None,
    version: str | None = None,
    vendor: Literal["intel", "amd"] | None = None,
    guest: Literal["hvm", "pv"] | None = None,
) -> Platform:
    abilities = UNKNOWN if backend is None else ABILITIES.get(backend, UNKNOWN)
    return Platform(know(backend), know(version), know(vendor), know(guest), abilities)


def with_drs(moment: CpuFacts, values: Mapping[int, int] | None) -> CpuFacts:
    """DR0-DR3: those given, the others 0."""
    given = values or {}
    dr0, dr1, dr2, dr3 = (know(given.get(n, 0)) for n in range(4))
    return replace(moment, dr0=dr0, dr1=dr1, dr2=dr2, dr3=dr3)


def event(
    dr6: int | None,
    *,
    code: str = "9090",
    after: int | None = None,
    rest: str = "90909090",
    rflags: int = 0x2,
    dr7: int | None = 0x400,
    dr: Mapping[int, int] | None = None,
    old: int | None = 0xFFFF0FF0,
    vector: int = 1,
    cs: int = 0x8,
    mode: Mode | None = 64,
    error_code: int | None = None,
    cr4: int | None = 0x8,
    cr2: int | None = None,
    tr: tuple[int, int] | None = None,
    debugctl: int | None = None,
    registers: Mapping[str, int] | None = None,
    on: Platform | None = None,
    action: Action = Action.CONTINUE,
    before_rip: int | None = None,
    before_rflags: int | None = None,
    before_bytes: str | None = None,
    last_frame: Frame | None = None,
    frame: bool = True,
    with_code: bool = True,
    handler: int = HANDLER,
    cs_base: int | None = None,
    stepped: tuple[SteppedOver, ...] = (),
    windows: int = 0,
) -> Evidence:
    """A guest at its handler: ``code`` ran and begins at `CODE`, ``rest`` has not; the saved RIP is behind ``code``
    unless ``after`` says how many bytes of it ran. ``windows`` is how far the code's linear address is beyond it."""
    ran = bytes.fromhex(code)
    rip = CODE + (len(ran) if after is None else after)
    return Evidence(
        platform=on or platform(),
        reply=know(parse_reply("T05thread:01;")),
        action=know(action),
        mode=know(mode),
        before=CpuFacts(
            rip=know(before_rip),
            rflags=know(before_rflags),
            dr6=know(old),
            dr7=know(dr7),
            tr=know(tr[0] if tr else None),
            bytes=know(None if before_bytes is None else bytes.fromhex(before_bytes)),
            debugctl=know(debugctl),
            cs=know(cs if cs_base is not None else None),
            cs_base=know(cs_base),
        ),
        after=with_drs(
            CpuFacts(
                rip=know(handler),
                dr6=know(dr6),
                dr7=know(dr7),
                cr4=know(cr4),
                cr2=know(cr2),
                tr=know(tr[1] if tr else None),
                registers=know(registers),
            ),
            dr,
        ),
        vector=know(vector),
        at_handler=know(True),
        handler=know(handler),
        frame=know(Frame(rip, cs, rflags, 0x8000, 0x10, error_code) if frame else None),
        last_frame=know(last_frame),
        code=(CodeBytes(CODE + windows, ran + bytes.fromhex(rest)),) if with_code else (),
        breakpoints=know(()),
        stepped=stepped,
    )


def stop(
    code: str = "90",
    to: int | None = None,
    *,
    reply: str | None = "T05thread:p01.01;",
    action: Action | None = Action.STEP,
    on: Platform | None = None,
    own: tuple[ArmedBreakpoint, ...] | None = (),
    mode: Mode | None = 64,
    rflags: int = 0x2,
    rcx: tuple[int, int] | None = None,
    dr6: int | None = 0xFFFF0FF0,
    dr7: int | None = 0x400,
    dr: Mapping[int, int] | None = None,
    registers: Mapping[str, int] | None = None,
    cpl: int | None = 0,
    known_code: bool = True,
) -> Evidence:
    """A stop of the debugger: the guest was resumed at `CODE`, where ``code`` stands, and stopped ``to``
    bytes on (behind all of it if not given)."""
    data = bytes.fromhex(code)
    rip = CODE + (len(data) if to is None else to)
    return Evidence(
        platform=on or platform(),
        reply=know(None if reply is None else parse_reply(reply)),
        action=know(action),
        mode=know(mode),
        cpl=know(cpl),
        before=with_drs(
            CpuFacts(
                rip=know(CODE),
                rflags=know(rflags),
                rcx=know(rcx[0] if rcx else None),
                dr6=know(dr6),
                dr7=know(dr7),
                bytes=know(data + b"\x90" * 4 if known_code else None),
                registers=know(registers),
            ),
            dr,
        ),
        after=with_drs(
            CpuFacts(
                rip=know(rip),
                rflags=know(rflags),
                cs=know(0x8),
                rcx=know(rcx[1] if rcx else None),
                dr6=know(dr6),
                dr7=know(dr7),
                registers=know(registers),
            ),
            dr,
        ),
        at_handler=know(False),
        breakpoints=know(own),
    )


TCG = platform("qemu-tcg", "7.2.22", "amd")
TCG_10 = platform("qemu-tcg", "10.0.2", "amd")
KVM_INTEL = platform("qemu-kvm", "7.2.22", "intel")
KVM_AMD = platform("qemu-kvm", "7.2.22", "amd")
XEN = platform("xen-gdbsx", "4.17", "amd")
XEN_INTEL = platform("xen-gdbsx", "4.17", "intel", "hvm")
XEN_PV = platform("xen-gdbsx", "4.17", "amd", "pv")
XEN_PV_418 = platform("xen-gdbsx", "4.18", "amd", "pv")
