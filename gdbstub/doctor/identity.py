"""What a stub is: what it said in the handshake, and a few questions that write nothing and that no stub dies of.

``bs``, ``bc``, ``D`` with a process and the empty packet end QEMU or gdbsx (docs/backends.md); none is ever sent here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from gdbstub.doctor.vcpu import Vcpu
from gdbstub.errors import Refused
from gdbstub.protocol.features import format_supported
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState


@dataclass(frozen=True, slots=True)
class Identity:
    """``offers`` is the answer to ``qSupported``, ``actions`` those of ``vCont`` (empty: it has none), ``registers``
    how many there are of each feature of the target description. ``step_bits`` and ``step_mask`` are QEMU's
    ``qqemu.sstepbits`` and ``qqemu.sstep``, None for other stubs. ``reply`` is the answer to ``?``. ``waits``: QEMU
    was started with -S and never ran."""

    target: str
    backend: BackendInfo
    title: str
    offers: str
    packet_size: int
    actions: tuple[str, ...]
    registers: tuple[tuple[str, int], ...]
    monitor: bool
    debug_registers: bool
    step_bits: str | None
    step_mask: int | None
    cpus: int
    reply: str
    waits: bool
    state: CpuState


async def identify_stub(vcpu: Vcpu, target: str, stop: Stop) -> Identity:
    """Ask. The guest stays stopped where it is. Raises `GdbError`."""
    remote = vcpu.remote
    questions = vcpu.kind.questions
    bits = await _asked(vcpu, questions.step_bits)
    mask = await _asked(vcpu, questions.step_mask)
    status = await _monitored(vcpu, questions.status)
    state = await vcpu.look()
    counts: dict[str, int] = {}
    for register in remote.layout.registers:
        counts[register.feature] = counts.get(register.feature, 0) + 1
    return Identity(
        target=target,
        backend=vcpu.backend,
        title=vcpu.kind.title,
        offers=format_supported(remote.features.raw).decode("latin-1"),
        packet_size=remote.features.packet_size,
        actions=tuple(sorted(remote.actions)),
        registers=tuple(counts.items()),
        monitor=bool(await _monitored(vcpu, questions.help)),
        debug_registers=state.debug.dr6 is not None,
        step_bits=bits,
        step_mask=_number(mask),
        cpus=max(len(remote.threads), 1),
        reply=stop.raw if isinstance(stop, Stopped) else "",
        waits="prelaunch" in status,
        state=state,
    )


async def _asked(vcpu: Vcpu, request: bytes | None) -> str | None:
    if request is None:
        return None
    try:
        return (await vcpu.remote.request(request)).decode("latin-1")
    except Refused:
        return None


async def _monitored(vcpu: Vcpu, command: str | None) -> str:
    if command is None:
        return ""
    with suppress(Refused):
        return await vcpu.remote.monitor(command)
    return ""


def _number(text: str | None) -> int | None:
    """QEMU writes ``0x7``."""
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        return None
