"""Phase A: what the reply alone says. Ends of the guest, interrupts, and failures of the hypervisor.

Signals: QEMU `gdb_vm_state_change`; gdbsx `process_c_request`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action, NoStop
from gdbstub.explain.explanation import Cause
from gdbstub.explain.stop_facts import Finding, StopFacts
from gdbstub.protocol.stops import Exited, Terminated

SIGINT, SIGQUIT, SIGABRT = 2, 3, 6
OTHER_SIGNALS = {
    0x0E: "the stub reports SIGALRM: QEMU's watchdog expired",
    0x11: "the stub reports an I/O error of the machine",
    0x17: "the stub reports an I/O error of the machine",
    0x18: "the stub reports that the machine was migrated away",
}

QEMU_SIGNALS = ("QEMU gdb_vm_state_change",)
ASKED = Finding(
    Cause(
        "interrupt-request",
        "debugger",
        "none",
        "certain",
        ("the debugger asked the guest to stop", "the stub answered with signal 2"),
        QEMU_SIGNALS,
    )
)
PAUSED = Finding(
    Cause(
        "interrupt-request",
        "unknown",
        "none",
        "likely",
        (
            "the stub answered with signal 2",
            "the debugger had not asked for it: the machine was paused from outside",
        ),
        QEMU_SIGNALS,
    )
)
ASKED_ONLY = Finding(
    Cause("interrupt-request", "debugger", "none", "possible", ("the debugger asked the guest to stop",))
)


def ended(scene: StopFacts) -> Iterator[Finding]:
    """The guest is gone: ``W``, ``X``, the end of the connection, or QEMU's SIGQUIT."""
    reply = scene.reply
    if isinstance(reply, Exited | Terminated) or reply == NoStop(""):
        yield Finding(
            Cause(
                "shutdown",
                "guest",
                "none",
                "certain",
                (f"the stub said {reply.raw[:3] or 'connection closed'}",),
                ("gdb manual E.3",),
            )
        )
    elif scene.signal == SIGQUIT:
        yield Finding(
            Cause("shutdown", "guest", "none", "certain", ("the stub reports SIGQUIT: shutdown",), QEMU_SIGNALS)
        )


def failed(scene: StopFacts) -> Iterator[Finding]:
    """The hypervisor gave up (KVM_EXIT_INTERNAL_ERROR, failed emulation)."""
    if scene.signal == SIGABRT:
        yield Finding(
            Cause(
                "internal-error",
                "hypervisor",
                "none",
                "certain",
                ("the stub reports SIGABRT: the hypervisor could not go on",),
                QEMU_SIGNALS,
            )
        )


def interrupted(scene: StopFacts) -> Iterator[Finding]:
    """A pause: ours, or somebody else's. gdbsx says signal 2 for every #DB too, so it proves nothing there."""
    if scene.signal == SIGINT and not scene.xen:
        if scene.action is Action.INTERRUPT:
            yield ASKED
        elif scene.action is not None and scene.backend is not None:
            yield PAUSED
        else:
            yield PAUSED._replace(cause=PAUSED.cause._replace(confidence="possible"))
    elif scene.action is Action.INTERRUPT and scene.xen and scene.signal == SIGINT:
        yield ASKED._replace(cause=ASKED.cause._replace(confidence="likely"))
    elif scene.action is Action.INTERRUPT and scene.reply is None:
        yield ASKED_ONLY


def other_signals(scene: StopFacts) -> Iterator[Finding]:
    said = OTHER_SIGNALS.get(scene.signal or 0)
    if said is not None:
        yield Finding(Cause("unknown", "hypervisor", "none", "possible", (said,), QEMU_SIGNALS))


def attached(scene: StopFacts) -> Iterator[Finding]:
    """``?`` answers T05 whatever the reason (QEMU and gdbsx both)."""
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


RULES = (ended, failed, interrupted, other_signals, attached)
