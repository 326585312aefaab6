"""``dr6 doctor``: what is installed, what a stub is, and tests of what can be trusted on it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from frontend.clean import clean
from frontend.cli.connect import Launch, TargetOptions, open_stub
from frontend.cli.doctor_text import as_json, identity_text, installed_text, results_text, verdict_text
from frontend.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from frontend.cli.installed import Installed, kvm, look_around
from frontend.cli.interrupts import Interrupts
from frontend.cli.streams import write_control
from frontend.commands.page_walk import may_write, walk
from frontend.commands.physical import read_word
from frontend.symbols.names import Symbols
from frontend.version import tool
from gdbstub.doctor import (
    PROBES,
    PVM,
    Examination,
    Identity,
    OwnGuest,
    Result,
    Vcpu,
    Writable,
    greeted,
    identify_stub,
    lay_ground,
)
from gdbstub.errors import GdbError, Refused, TransportError
from gdbstub.x86.cpu_state import CpuState
from transports import Unix, parse_target
from transports.errors import TransportFailure

PROBE_IMAGE = Path(__file__).parents[1] / "data" / "probe.elf"
"""The guest of dr6's own: package data, built from ``guests/probe``."""
LEAVE_SECONDS = 5.0
ONLY_WITHOUT: tuple[tuple[str, object], ...] = (
    ("accel", "tcg"),
    ("smp", 1),
    ("memory", None),
    ("cpu", None),
    ("qemu", None),
    ("qemu_args", []),
)


def check(options: argparse.Namespace) -> None:
    """Usage errors that argparse can't see; raises SystemExit(2) with one sentence."""
    wrong = None
    if options.target is None:
        if options.leave is not None:
            wrong = "--leave goes with TARGET: a QEMU of dr6's own ends with it"
        elif options.record is not None:
            wrong = "--record goes with TARGET: a QEMU of dr6's own may be started several times"
    else:
        taken = [name for name, default in ONLY_WITHOUT if getattr(options, name) != default]
        if taken:
            name = "QEMU ARGS" if taken[0] == "qemu_args" else f"--{taken[0]}"
            wrong = f"{name} goes without TARGET: it is for the QEMU that dr6 starts"
    if wrong is not None:
        print(f"dr6: {wrong}.", file=sys.stderr)
        raise SystemExit(USAGE)


async def run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    """Look, test and print; the exit code. Raises what `open_stub` raises."""
    if options.target is not None:
        parse_target(options.target)  # a word that is no target is said at once
    report = Report(options.json, await look_around(options.qemu))
    scope = trio.CancelScope()

    async def stop() -> None:
        scope.cancel()

    interrupts.on_first = stop
    with scope:
        await (_own(options, report) if options.target is None else _foreign(options, report))
    return report.end(interrupted=bool(interrupts.seen))


async def again(file: str, recorded: argparse.Namespace, interrupts: Interrupts) -> int:
    """The same on the recorded conversation in ``file``; ``recorded`` are the options that made it."""
    recorded.target, recorded.record, recorded.words = f"replay:{file}", None, ()
    recorded.qemu = recorded.dom0 = None  # a stranger's words start no program
    return await run(recorded, interrupts)


class Report:
    """What was found so far; text is printed as it comes, JSON at the end."""

    def __init__(self, as_json: bool, installed: Installed) -> None:
        self._json = as_json
        self._installed = installed
        self._shows = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._count = 0
        self.target: Identity | None = None
        self.results: Sequence[Result] = ()
        self.problems: Sequence[str] | None = None
        self._print(installed_text(installed))

    def identified(self, identity: Identity) -> None:
        """Once; a guest that was started again is the same stub."""
        if self.target is None:
            self.target = identity
            self._print(["", *identity_text(identity)])

    def progress(self, result: Result) -> None:
        """One line on a terminal while tests run."""
        self._count += 1
        if self._shows:
            write_control(sys.stderr, f"\r{self._count}/{len(PROBES)} {result.probe.line}\x1b[K")

    def end(self, *, interrupted: bool) -> int:
        """Print what is left; the exit code."""
        if self._shows and self._count:
            write_control(sys.stderr, "\r\x1b[K")
        if self._json:
            print(json.dumps(as_json(tool(), self._installed, self.target, self.results, self.problems), indent=2))
        elif self.results:
            self._print(["", *results_text(self.results), "", *verdict_text(self.results)])
        for problem in self.problems or ():
            print(f"dr6: {clean(problem)}", file=sys.stderr)
        if self.problems is not None and not self.problems:
            self._print(["The guest's memory and registers are as they were before."])
        if interrupted:
            return INTERRUPTED
        return FAILED if self.problems or any(result.contradicts for result in self.results) else DONE

    def _print(self, text: Sequence[str]) -> None:
        if not self._json:
            print("\n".join(text), flush=True)


async def _own(options: argparse.Namespace, report: Report) -> None:
    """On a QEMU of dr6's own."""
    extra = tuple(options.qemu_args)
    launch = Launch(str(PROBE_IMAGE), options.accel, options.smp, options.memory, options.cpu, options.qemu, extra)
    host = PVM if options.accel == "kvm" and PVM in kvm().modules else None
    examination = Examination(report.progress, host)
    report.results = examination.results

    @asynccontextmanager
    async def start() -> AsyncIterator[Vcpu]:
        async with open_stub(TargetOptions(launch)) as (remote, name):
            vcpu, stop = await greeted(remote, name, options.backend)
            if report.target is None:
                report.identified(await identify_stub(vcpu, name, stop))
            yield vcpu

    await examination.own(start, own_guest())


def own_guest() -> OwnGuest:
    """Where everything is in the guest of dr6's own."""
    symbols = Symbols()
    symbols.add(str(PROBE_IMAGE))
    addresses = [symbols.lookup(name) for name in OwnGuest._fields]
    return OwnGuest(*(address for address in addresses if address is not None))


async def _foreign(options: argparse.Namespace, report: Report) -> None:
    """On the user's stub: asked only, unless ``--probe``."""
    connection = TargetOptions(
        options.target, record=options.record, dom0=options.dom0, domain=options.domain, command=options.words
    )
    async with open_stub(connection) as (remote, name):
        vcpu, stop = await greeted(remote, name, options.backend)
        waits = False
        try:
            identity = await identify_stub(vcpu, name, stop)
            waits = identity.waits
            report.identified(identity)
            if options.probe:
                await _probe(vcpu, report, _host(options.target, vcpu))
        finally:
            with trio.move_on_after(LEAVE_SECONDS, shield=True):
                await _leave(vcpu, options.leave or ("stopped" if waits else "running"))


def _host(target: str, vcpu: Vcpu) -> str | None:
    """What is under KVM, where its QEMU is surely on this machine."""
    local = isinstance(parse_target(target), Unix)
    return PVM if local and vcpu.kind.uses_kvm and PVM in kvm().modules else None


async def _probe(vcpu: Vcpu, report: Report, host: str | None) -> None:
    ground, needs = await lay_ground(vcpu, _writable(vcpu))
    examination = Examination(report.progress, host)
    report.results, report.problems = examination.results, examination.problems
    error: GdbError | None = None
    try:
        await examination.guest(ground, needs)
    except GdbError as raised:
        error = raised
    lost = vcpu.remote.lost
    if error is None and lost is None:
        return
    kind = GdbError if error is not None and lost is None and not isinstance(error, TransportError) else TransportError
    raise kind(" ".join((str(error or lost), *examination.problems))) from error


async def _leave(vcpu: Vcpu, how: str) -> None:
    """Let the guest run on, or leave it stopped (QEMU does when the connection closes without a detach packet)."""
    try:
        if vcpu.remote.lost is None and await vcpu.halt() and how == "running":
            await vcpu.remote.detach()
    except (GdbError, TransportFailure) as error:
        if vcpu.remote.lost is None:
            print(f"dr6: {clean(str(error))}", file=sys.stderr)


def _writable(vcpu: Vcpu) -> Writable:
    """By the guest's page tables, read through QEMU's monitor."""

    async def read(address: int, size: int) -> int:
        return await read_word(vcpu.remote.monitor, address, size)

    async def writable(state: CpuState, address: int) -> bool | None:
        registers = state.registers
        if not {"cr0", "cr3", "cr4"} <= registers.keys() or not vcpu.kind.capabilities.monitor:
            return None
        cr0, efer = registers["cr0"], registers.get("efer", 0)
        try:
            found = await walk(address, cr0, registers["cr3"], registers["cr4"], efer, read)
        except Refused:
            return None
        return may_write(found, cr0, user=state.cpl == 3)

    return writable
