"""The first words with a stub, in the order that each known stub needs.

Features come first, since a stale stop reply of a previous client may be in the way of their answer; then the target
description, without which QEMU 7.2 answers ``p`` with nothing; then threads; ``?`` last, since it makes QEMU forget
the breakpoints that a previous client left.
"""

from __future__ import annotations

from contextlib import suppress

import trio

from gdbstub.errors import GdbError, NoReply, ProtocolError, Refused, RemoteProtocolError, TransportError, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.features import supported_request
from gdbstub.protocol.fields import ThreadId, shown
from gdbstub.protocol.layout import RegisterLayout, fallback_layout
from gdbstub.protocol.stops import Stop, parse_stop
from gdbstub.protocol.target_xml import annexes_wanted, parse_description
from gdbstub.remote.target import RemoteTarget

SECONDS = 20.0
"""For all of it; at 9600 baud QEMU's description takes 13. A stub that sends it byte by byte would take for ever."""
MAX_DESCRIPTION = 1 << 20
"""Bytes of one part of a target description; QEMU's largest has 12 KiB."""
MAX_ANNEXES = 32
MAX_CPUS = 4096
PROCESS_FEATURES = frozenset(("QProgramSignals", "QPassSignals"))
"""Who has these debugs processes. gdbserver 13 to 16 aborts where its description is asked for before any ``H`` or
``?`` (get_valid_tdesc, gdbserver/tdesc.cc); gdb sends ``Hg0`` first."""


async def greet(target: RemoteTarget, name: str) -> Stop:
    """Learn what the stub is and return how it says that the guest stands. ``name`` is the target's, for messages.

    Raises `TransportError` or `RemoteProtocolError` where it is no stub, or none that we can work with.
    """
    try:
        with trio.move_on_after(SECONDS):
            return await _greet(target)
        raise NoReply(f"The handshake was not over after {SECONDS:g} seconds.")
    except (TransportError, ProtocolError, Refused) as error:
        raise TransportError(_complaint(target, name, error)) from error


def _complaint(target: RemoteTarget, name: str, error: GdbError) -> str:
    """What a user has to know of a peer that did not get through the handshake."""
    first_bytes, reason = target.first_bytes, str(error)
    if not first_bytes:
        return (
            f"{name} is there but silent. {reason} Is it a GDB stub, and is no other debugger attached to it "
            "(QEMU serves one at a time)?"
        )
    if first_bytes[:1] not in b"+-$%":
        return f"{name} is no GDB stub: it answered {shown(first_bytes)}."
    return f"{name} failed in the handshake: {reason}"


async def _greet(target: RemoteTarget) -> Stop:
    await _features(target)
    target.layout = await _layout(target)
    await _actions(target)
    target.threads = await list_threads(target)
    if not target.threads and target.features.of_process:
        target.threads = await _unlisted_threads(target)
    stop = parse_stop(await target.request(messages.WHY_STOPPED, "?"))
    target.greeted = True
    return stop


async def _features(target: RemoteTarget) -> None:
    try:
        target.settle(await target.request(supported_request(), "qSupported"))
    except Unsupported:
        target.settle(b"")
    if target.features.no_ack:
        await target.request(messages.START_NO_ACK, "no-ack mode")


async def _actions(target: RemoteTarget) -> None:
    try:
        target.actions = messages.parse_actions(
            messages.WHICH_ACTIONS, await target.request(messages.WHICH_ACTIONS, "vCont?")
        )
    except Unsupported:
        target.actions = frozenset()


async def _layout(target: RemoteTarget) -> RegisterLayout:
    if not target.features.xml:
        return await _known_layout(target, "no target description")
    if PROCESS_FEATURES & target.features.raw.keys():
        with suppress(Refused):  # lldb-server
            await target.request(messages.ANY_THREAD, "Hg0")
    layout = await _description(target)
    if not layout.registers and layout.architecture is not None:  # gdb's own layout of that architecture is meant
        layout = await _known_layout(target, f"no register in its target description ({layout.architecture[:32]})")
    pointers = [layout.by_name[name] for name in ("rip", "eip") if name in layout.by_name]
    if not pointers:
        raise RemoteProtocolError("The stub's target description has neither rip nor eip; is this an x86 guest?")
    if pointers[0].bits not in (32, 64):
        raise RemoteProtocolError(
            f"The stub's target description has {pointers[0].name} with {pointers[0].bits} bits; no x86 has."
        )
    return layout


async def _known_layout(target: RemoteTarget, lacks: str) -> RegisterLayout:
    """One of those that are known by the length of ``g``; what is behind it may be unavailable (gdbstub_arch 0.1)."""
    try:
        payload = await target.request(messages.READ_REGISTERS, "g")
    except Unsupported:
        raise TransportError(target.dialect.without_guest or "The stub shows no registers (g).") from None
    layout = fallback_layout(len(payload)) or fallback_layout(len(payload.rstrip(b"xX")))
    if layout is None:
        raise RemoteProtocolError(
            f"The stub has {lacks}, and its {len(payload) // 2} bytes of registers are no layout that dr6 knows; is "
            "this an x86 guest?"
        )
    return layout


async def _description(target: RemoteTarget) -> RegisterLayout:
    parts: dict[str, bytes] = {}
    wanted = ["target.xml"]
    while wanted:
        if len(parts) >= MAX_ANNEXES:
            raise RemoteProtocolError(f"The stub's target description has more than {MAX_ANNEXES} parts.")
        annex = wanted.pop()
        parts[annex] = await _object(target, annex)
        wanted += [name for name in annexes_wanted(parts[annex]) if name not in parts and name not in wanted]
    return parse_description(parts)


async def _object(target: RemoteTarget, annex: str, kind: str = "features") -> bytes:
    text = b""
    what = f"target description {annex}" if kind == "features" else f"list of {kind}"
    while len(text) <= MAX_DESCRIPTION:
        request = messages.read_object(kind, annex, len(text), target.features.packet_size - 5)
        part = messages.parse_xfer(request, await target.request(request, what))
        text += part.data
        if part.last or not part.data:
            return text
    raise RemoteProtocolError(f"The stub's {what} does not end.")


async def _unlisted_threads(target: RemoteTarget) -> tuple[ThreadId, ...]:
    """Of a process whose stub has no ``qfThreadInfo``: the current one, or those of ``qXfer:threads``, which gdb asks
    for as well; without either all that is known is that there is one."""
    with suppress(Refused, RemoteProtocolError):
        return (messages.parse_current_thread(messages.CURRENT_THREAD, await target.request(messages.CURRENT_THREAD)),)
    with suppress(Refused, RemoteProtocolError):
        return messages.parse_threads_object(await _object(target, "", "threads"))
    return (ThreadId(1 if target.features.multiprocess else None, 1),)


async def list_threads(target: RemoteTarget) -> tuple[ThreadId, ...]:
    """Those that there are now, as the stub names them."""
    threads: list[ThreadId] = []
    request = messages.FIRST_THREADS
    while len(threads) < MAX_CPUS:
        try:
            answer = await target.request(request, "the list of vCPUs")
        except Refused:
            break
        part = messages.parse_threads(request, answer)
        threads += part.threads
        target.odd_threads = bool(part.threads) and part.last
        if part.last or not part.threads:
            break
        request = messages.MORE_THREADS
    return tuple(threads)
