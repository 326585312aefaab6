"""``vCont``, ``c``, ``s`` and their kin: what a client asks for → one run of the debugger."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import ALL, ThreadId, decode_number, server_messages
from gdbstub.protocol.server_messages import ThreadAction
from gdbstub.remote.threads import Signal
from gdbstub.server.client_features import cpu_of
from gdbstub.server.handlers.registers import set_pc
from gdbstub.server.session import ClientSession
from gdbstub.sessions.participants import Run, Tell

ACTIONS = b"vCont;c;C;s;S;t;r"


class ResumeRequest(NamedTuple):
    """What one resume packet asks for. ``steps``: one instruction of vCPU ``cpu``, or as long as RIP is in ``range``;
    otherwise everything runs, or ``cpu`` alone if ``only``. ``others``: the other vCPUs run meanwhile. ``signal``: what
    a process gets with it."""

    steps: bool
    cpu: int | None = None
    range: tuple[int, int] | None = None
    others: bool = False
    only: bool = False
    signal: Signal | None = None


def resume_request_of(
    actions: tuple[ThreadAction, ...], cpu_of: dict[ThreadAction, int | None]
) -> ResumeRequest | None:
    """What ``vCont``'s actions come to; None when nothing is to run (``t``). ``cpu_of`` has the vCPU that each names,
    None for all. The first action that steps counts; several vCPUs can't step at once, since a stub reports only the
    first (docs/backends.md)."""
    others = any(action.kind in "cC" for action in actions)
    signal = next((_signal(one, cpu_of[one]) for one in actions if one.kind in "SC"), None)
    for action in actions:
        if action.kind in "sSr":
            return ResumeRequest(True, cpu_of[action], _range(action), others, signal=signal)
    for action in actions:
        if action.kind in "cC":
            alone = cpu_of[action]
            return ResumeRequest(False, alone, only=alone is not None and len(actions) == 1, signal=signal)
    if all(action.kind == "t" for action in actions):
        return None
    raise RemoteProtocolError(f"There is no vCont action {actions[0].kind!r}.")


def _signal(action: ThreadAction, cpu: int | None) -> Signal | None:
    number = decode_number(action.argument.encode("latin-1"))
    return Signal(number, cpu) if number else None


def _range(action: ThreadAction) -> tuple[int, int] | None:
    if action.kind != "r":
        return None
    start, _, end = action.argument.encode("latin-1").partition(b",")
    return decode_number(start), decode_number(end)


async def resume_threads(session: ClientSession, payload: bytes) -> None:
    request = _request_of(session, payload)
    if request is None:
        session.repeat_stop()
    else:
        _go(session, request)


def _request_of(session: ClientSession, payload: bytes) -> ResumeRequest | None:
    if session.debugger.process:
        actions = server_messages.parse_thread_actions(payload)
        return resume_request_of(actions, {action: session.cpu_of(action.thread) for action in actions})
    return _request(payload, len(session.debugger.capabilities.cpus))


@lru_cache(maxsize=64)
def _request(payload: bytes, cpus: int) -> ResumeRequest | None:
    """The same few come again at each step. Signals mean nothing to a machine."""
    actions = server_messages.parse_thread_actions(payload)
    request = resume_request_of(actions, {action: cpu_of(action.thread, cpus) for action in actions})
    return None if request is None else request._replace(signal=None)


async def resume(session: ClientSession, payload: bytes) -> None:
    """``c``, ``C``, ``s``, ``S``, with an address to go on at if there is one. Signals mean nothing to a machine."""
    kind, rest = payload[:1], payload[1:]
    number, _, address = rest.partition(b";") if kind in b"CS" else (b"0", b"", rest)
    if address:
        await set_pc(session, decode_number(address))
    stepping = kind in b"sS"
    signal = Signal(decode_number(number), session.run_cpu) if session.debugger.process and int(number, 16) else None
    _go(session, ResumeRequest(stepping, session.run_cpu if stepping else None, signal=signal))


async def backwards(session: ClientSession, payload: bytes) -> None:
    """``bs``, ``bc``: on to a stub that offers them. They kill a QEMU that is not replaying."""
    step = payload == b"bs"
    if not session.debugger.goes_back["ReverseStep" if step else "ReverseContinue"]:
        raise GdbError("This stub does not run its guest backwards; QEMU does where it replays (-icount rr=replay).")
    session.shared.go(session.participant, lambda tell: _run_back(session, step, tell))


async def _run_back(session: ClientSession, step: bool, tell: Tell) -> None:
    await session.breakpoints.sweep(every=True)
    tell((await session.debugger.run_back(step=step, interrupted=session.participant.interrupted)).brief)


async def by_cycles(session: ClientSession, payload: bytes) -> None:
    """``i``, ``I``."""
    raise GdbError("dr6 counts no clock cycles; s steps an instruction.")


async def no_file(session: ClientSession, payload: bytes) -> None:
    raise GdbError("No file operation is under way.")


def _go(session: ClientSession, request: ResumeRequest) -> None:
    def begin(tell: Tell) -> Run | None:
        session.breakpoints.stepped_at_once()
        rest = session.debugger.step_at_once(tell, others=request.others)
        return None if rest is None else lambda tell: session.debugger.finish_step(rest, tell)

    at_once = begin if _is_one_step(session, request) else None
    session.shared.go(session.participant, lambda tell: run(session, request, tell), at_once)


def _is_one_step(session: ClientSession, request: ResumeRequest) -> bool:
    plain = request.steps and request.range is None and request.signal is None
    return plain and request.cpu in (None, session.debugger.cpu)


def repeatable(session: ClientSession, payload: bytes) -> ResumeRequest | None:
    """What ``payload`` asks for, where that is one step of the vCPU that stopped last."""
    if not payload.startswith(b"vCont;"):
        return None
    request = _request_of(session, payload)
    return request if request is not None and _is_one_step(session, request) else None


async def run(session: ClientSession, request: ResumeRequest, tell: Tell) -> None:
    """Carry the request out, with the guest locked. What a client asks for at every stop is read once it is told."""
    debugger = session.debugger
    await session.breakpoints.sweep(every=not request.steps or request.range is not None)
    if request.cpu is not None and request.cpu != debugger.cpu and (request.steps or request.only):
        await debugger.select_cpu(request.cpu)
    if request.signal is not None:
        debugger.process.deliver(*request.signal)
    me = session.participant  # an interrupt that came before the guest goes is for the run that was asked for
    if request.range is not None and debugger.process.steps_through:
        debugger.process.step_through(*request.range, session.debugger.cpu, others=request.others)
        tell((await debugger.resume(interrupted=me.interrupted)).brief)
    elif not request.steps:
        only = request.cpu if request.only else None
        tell((await debugger.resume(only=only, interrupted=me.interrupted, echoes=True)).brief)
    elif request.range is not None:
        tell(await _step_through(session, request.range, request.others))
    elif session.shared.light and not me.interrupted:
        await debugger.step_lightly(tell, others=request.others)
        return
    else:
        tell((await debugger.run_steps(1, others=request.others, interrupted=me.interrupted)).brief)
    await debugger.read_ahead()


async def _step_through(session: ClientSession, range: tuple[int, int], others: bool) -> StopSummary:
    """Steps for as long as RIP is in ``range``."""
    debugger, interrupted = session.debugger, session.participant.interrupted
    start, end = range

    def inside(pc: int) -> bool:
        return start <= pc < end and session.here

    if session.shared.light:
        return await debugger.step_while(inside, others=others, interrupted=interrupted)
    return (await debugger.run_steps(None, go_on=inside, others=others, interrupted=interrupted)).brief


def thread_of(text: bytes) -> ThreadId:
    """The thread of an ``H`` or ``T`` packet."""
    return ThreadId.parse(text) if text else ThreadId(None, ALL)
