"""Phase A: what the reply alone says. Ends of the guest, interrupts, and failures of the hypervisor.

What a backend means by a signal is one of its abilities.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.abilities import GDB_MANUAL
from gdbstub.explain.evidence import Action, NoStop
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.stop_facts import Finding, StopFacts
from gdbstub.protocol.stops import Exited, Stopped, Terminated
from gdbstub.x86.breakpoints import Owner

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
        because = (f"the stub said {reply.raw[:3] or 'connection closed'}",)
        yield Finding(Cause("shutdown", "guest", "none", "certain", because, GDB_MANUAL))


def other_signals(scene: StopFacts) -> Iterator[Finding]:
    """Signals that are no debug stop: what the backend means by them, or else no more than their names."""
    signal = scene.signal
    if signal is None or signal in (0, SIGINT, SIGTRAP):
        return
    said = scene.abilities.signals.get(signal)
    if said is None:
        named = f" ({SIGNALS[signal]})" if signal in SIGNALS else ""
        because = (f"the stub reports signal {signal}{named}, which is no debug stop",)
        yield Finding(Cause("unknown", "unknown", "none", "possible", because, GDB_MANUAL))
        return
    level: Confidence = "possible" if said.cause == "unknown" else "certain"
    yield Finding(Cause(said.cause, said.owner, "none", level, (said.clause,), scene.abilities.signal_sources))


def interrupted(scene: StopFacts) -> Iterator[Finding]:
    """A pause: ours, or somebody else's. Where signal 2 is said for every #DB too, it proves nothing."""
    asked = scene.action is Action.INTERRUPT
    if scene.reply is None and asked:
        yield Finding(Cause("interrupt-request", "debugger", "none", "possible", (ASKED,)))
    also_db = scene.abilities.sigint_for_db is not None
    if scene.signal in NO_SIGNALS and asked and not (also_db or scene.abilities.sigint_is_pause or _has_reason(scene)):
        yield _interrupt(scene, "debugger", "likely", ASKED, SAYS_NOTHING.format(scene.signal))
    if scene.signal != SIGINT:
        return
    if asked:
        yield _interrupt(scene, "debugger", "likely" if also_db else "certain", ASKED, SAYS_2)
    elif not also_db:
        sure = scene.action is not None and scene.abilities.sigint_is_pause
        yield _interrupt(scene, "unknown", "likely" if sure else "possible", SAYS_2, PAUSED)


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
