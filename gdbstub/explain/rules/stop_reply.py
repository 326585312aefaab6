"""Phase A: what the reply alone says. Ends of the guest, interrupts, and failures of the hypervisor.

What a backend means by a signal is one of its abilities.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.abilities import GDB_MANUAL
from gdbstub.explain.evidence import Action, NoStop
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.protocol.stops import Exited, Stopped, Terminated
from gdbstub.x86.breakpoints import Owner
from gdbstub.x86.exceptions import TripleFault, vector

SIGINT, SIGTRAP = 2, 5
SIGNALS: dict[int, str] = {
    1: "SIGHUP", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGEMT", 8: "SIGFPE", 9: "SIGKILL", 10: "SIGBUS",
    11: "SIGSEGV", 12: "SIGSYS", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 16: "SIGURG", 17: "SIGSTOP",
    18: "SIGTSTP", 19: "SIGCONT", 20: "SIGCHLD", 23: "SIGIO", 24: "SIGXCPU", 30: "SIGUSR1", 31: "SIGUSR2",
}  # fmt: skip
"""By gdb's own numbers (gdb manual E.3), which are the same for every target."""


def _interrupt(scene: StopFacts, owner: Owner, level: Confidence, *because: str) -> Finding:
    return Finding(Cause("interrupt-request", owner, "none", level, because, scene.abilities.signal_sources))


ASKED = "the debugger asked the guest to stop"
SAYS_2 = "the stub answered with signal 2"
SAYS_NOTHING = "the stub answered with signal {} and no reason, as some do to 0x03"
NO_SIGNALS = (0, SIGTRAP)
"""What Bochs, and bhyve and stubs in kernels, answer to 0x03 with."""
PAUSED = "the debugger had not asked for it: the machine was paused from outside"


def _has_reason(scene: StopFacts) -> bool:
    return isinstance(scene.reply, Stopped) and bool(scene.reply.reasons)


def ended(scene: StopFacts) -> Iterator[Finding]:
    """The guest is gone: ``W``, ``X``, or the end of the connection."""
    reply = scene.reply
    if isinstance(reply, Exited | Terminated) or reply == NoStop(""):
        because, sources = _by_what(scene, f"the stub said {reply.raw[:3] or 'connection closed'}", GDB_MANUAL)
        yield Finding(Cause("shutdown", "guest", "none", "certain", because, sources))


def _by_what(scene: StopFacts, said: str, sources: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reasons and sources of an end, with the triple fault in front where one is known."""
    failed = known(scene.evidence.triple_fault)
    if failed is None:
        return (said,), sources
    return (triple_fault(failed), said), ("SDM 3A 6.15 (#DF)", *sources)


def triple_fault(failed: TripleFault) -> str:
    """In a clause, with the exceptions that led to it, where they came and their gates, as far as they are known."""
    if not failed.vectors:
        return "triple fault: a double fault could not be delivered"
    gates = [f" (gate at {gate:#x})" for gate in failed.gates] or [""] * len(failed.vectors)
    first, *others = (f"{vector(n).name}{gate}" for n, gate in zip(failed.vectors, gates, strict=False))
    instead = f", nor could {' and then '.join(others)} instead" if others else ""
    at = "" if failed.rip is None else f" at {failed.rip:#x}"
    return f"triple fault{at}: {first} could not be delivered{instead}"


def other_signals(scene: StopFacts) -> Iterator[Finding]:
    """Signals that are no debug stop: what the backend means by them, or else no more than their names."""
    signal = scene.signal
    if signal is None or signal in (0, SIGINT, SIGTRAP):
        return
    said = scene.abilities.signals.get(signal)
    if said is None:
        named = f" ({SIGNALS[signal]})" if signal in SIGNALS else ""
        why = f"the stub reports signal {signal}{named}, which is no debug stop"
        yield Finding(Cause("unknown", "unknown", "none", "possible", (why,), GDB_MANUAL))
        return
    level: Confidence = "possible" if said.cause == "unknown" else "certain"
    because, sources = _by_what(scene, said.clause, scene.abilities.signal_sources)
    yield Finding(Cause(said.cause, said.owner, "none", level, because, sources))


def interrupted(scene: StopFacts) -> Iterator[Finding]:
    """A pause: ours, or somebody else's. Where signal 2 is said for every #DB too, it proves nothing."""
    asked = scene.action is Action.INTERRUPT
    if scene.reply is None and asked:
        yield Finding(Cause("interrupt-request", "debugger", "none", "possible", (ASKED,)))
    also_db = scene.abilities.sigint_for_db is not None
    if asked and scene.signal in NO_SIGNALS and not _has_reason(scene):
        yield from _behind_our_break(scene)
    if scene.signal != SIGINT:
        return
    if asked:
        yield _interrupt(scene, "debugger", "likely" if also_db else "certain", ASKED, SAYS_2)
    elif not also_db:
        sure = scene.action is not None and scene.abilities.sigint_is_pause
        yield _interrupt(scene, "unknown", "likely" if sure else "possible", SAYS_2, PAUSED)


def _behind_our_break(scene: StopFacts) -> Iterator[Finding]:
    """The first stop behind our 0x03, by a stub that calls it SIGTRAP or no signal. At a breakpoint it is an interrupt
    too, whatever the stub: a run that was asked to end does so there, though the breakpoint's condition says no."""
    because = (ASKED, SAYS_NOTHING.format(scene.signal))
    if on_own_breakpoint(scene):
        yield _interrupt(scene, "debugger", "likely", ASKED, "a breakpoint of the debugger stands at RIP as well")
    elif not (scene.abilities.sigint_for_db is not None or scene.abilities.sigint_is_pause):
        why = () if scene.breakpoints is None else ("no breakpoint of the debugger accounts for it",)
        yield _interrupt(scene, "debugger", "likely", *because, *why)


def on_own_breakpoint(scene: StopFacts) -> bool:
    """Whether RIP is where an instruction or software breakpoint of the debugger leaves it."""
    behind = scene.abilities.int3_leaves_rip_behind
    return scene.pc is not None and any(
        armed.owner == "debugger" and armed.kind.is_execution and armed.address in (scene.pc, scene.pc - behind)
        for armed in scene.breakpoints or ()
    )


def attached(scene: StopFacts) -> Iterator[Finding]:
    """``?`` answers T05 whatever the reason."""
    if scene.action is Action.ATTACH:
        yield Finding(
            Cause(
                "unknown",
                "unknown",
                "none",
                "possible",
                ("this is the state at attach: a stub does not say why the guest stands still",),
            )
        )


RULES = (ended, other_signals, interrupted, attached)
