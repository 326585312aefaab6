"""What runs the guest's handler of vector 1 and leaves no bit in DR6: INT1 (F1), INT 1 (CD 01), an injection.

They are seen only in the code in front of the saved RIP, whose last bytes may as well be another instruction's.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.quirks.lookup import lacks_icebp, version_of
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.breakpoints import Owner
from gdbstub.x86.debug_registers import B_MASK, BS
from gdbstub.x86.decode import LONGEST

DR6 = ("SDM 3B 18.2.3",)


def owner(event: ExceptionFacts) -> Owner:
    """A #DB in the guest's handler belongs to the guest; with nothing but DR6 it is not known whose it was."""
    return "unknown" if event.frame is None and event.dr7 is None else "guest"


def vector_1_without_bits(event: ExceptionFacts) -> Confidence | None:
    """Whether INT1 (F1) or INT 1 (CD 01) ran last: likely if the bytes in front of the saved RIP read so, possible if
    they are the end of another instruction that reads better (MOV RCX, DR6 ends in F1), None if they are not there."""
    int1 = event.front[-1:] == b"\xf1" and not lacks_icebp(event.scene.evidence.platform)
    if not int1 and event.front[-2:] != b"\xcd\x01":
        return None
    what = event.likeliest()
    reads_so = what is not None and (what.interrupt == 1 or "icebp" in what.traits)
    if event.exact is not None and not reads_so:
        return None
    return "likely" if reads_so else "possible"


def _code_in_front(event: ExceptionFacts, rival: Confidence) -> tuple[Confidence, tuple[str, ...]]:
    """How sure INT1 or INT 1 is by the bytes in front of the saved RIP, with what keeps it from being certain: with
    fewer of them than an instruction may have, nobody can tell that no longer one ends there."""
    if rival == "possible":
        return "possible", ()
    if event.exact is not None or len(event.front) >= LONGEST:
        return "certain", ()
    bytes_known = "1 byte is" if len(event.front) == 1 else f"{len(event.front)} bytes are"
    return "likely", (f"only {bytes_known} known in front of the saved RIP, and a longer instruction may end so",)


def _version(event: ExceptionFacts) -> tuple[int, ...]:
    """The backend's version; empty where it is not known, or no number."""
    return version_of(known(event.scene.evidence.platform.version))


def nothing_new(event: ExceptionFacts) -> bool:
    """DR6 is known and this event added no bit to it."""
    return event.causes is not None and (event.causes == 0 or event.causes == event.old)


def icebp(event: ExceptionFacts) -> Iterator[Finding]:
    """INT1 (F1) sets no bit at all, so it is seen only in the code."""
    because: tuple[str, ...]
    if event.dr6 is not None and event.dr6.reinjected and event.behind_code[:1] == b"\xf1":
        because = ("the instruction at the saved RIP is F1", "DR6 shows a #DB that was injected again")
        again = event.scene.abilities.reinjects_db
        sources = ("SDM 3B 18.2.3",) if again is None else again.sources
        yield Finding(Cause("icebp", owner(event), "trap", "likely", because, sources), event.next_instruction())
        return
    rival = vector_1_without_bits(event)
    if event.front[-1:] != b"\xf1" or rival is None:
        return
    culprit = event.culprit(lambda candidate: "icebp" in candidate.shape.traits)
    because = ("the byte in front of the saved RIP is F1",)
    level: Confidence = "possible"
    if event.causes is not None:
        fresh = event.causes if event.old is None else event.causes & ~event.old
        if event.causes == 0:
            level, short = _code_in_front(event, rival)
            because = (*because, "DR6 has no bit for a cause", *short)
        elif nothing_new(event) or (event.scene.abilities.adds_bs and fresh == BS):
            level, because = rival, (*because, "DR6 has no new bit of its own")
        elif event.old is not None and fresh and (culprit is None or event.shadow(culprit) is None):
            return
    lacks = event.scene.abilities.may_lack_icebp
    if lacks is not None and level == "certain" and not _version(event):
        level, because = "likely", (*because, lacks.clause)
    cause = Cause("icebp", owner(event), "trap", level, because, ("SDM 3B 18.2.3", "SDM 2A INT1"))
    yield Finding(cause, event.instruction(culprit))


def int_1(event: ExceptionFacts) -> Iterator[Finding]:
    """INT 1 (CD 01) goes through vector 1 without being a #DB: DR6 stays as it was."""
    rival = vector_1_without_bits(event)
    if event.front[-2:] != b"\xcd\x01" or rival is None:
        return
    because: tuple[str, ...] = ("the bytes in front of the saved RIP are CD 01",)
    level: Confidence = "possible"
    if nothing_new(event):
        level, short = _code_in_front(event, rival)
        because = (*because, "DR6 has no new bit", *short)
        level = "likely" if level == "certain" and _again(event) else level
    elif event.old is not None and event.causes is not None:
        return
    culprit = event.culprit(lambda candidate: candidate.shape.interrupt == 1)
    cause = Cause("software-interrupt", owner(event), "none", level, because, ("SDM 2A INT n",))
    yield Finding(cause, event.instruction(culprit))


def _again(event: ExceptionFacts) -> bool:
    """Whether an old bit of DR6 can be that of this event too: BS with TF still set, Bn of an enabled register."""
    causes, dr7 = event.causes or 0, event.dr7
    return bool(causes & BS and event.tf is not False) or bool(causes & (B_MASK if dr7 is None else dr7.enabled))


def injected(event: ExceptionFacts) -> Iterator[Finding]:
    """A #DB without any bit, and no INT1 to account for it: a hypervisor put it there without a payload."""
    if event.causes != 0 or not event.front or vector_1_without_bits(event) is not None:
        return
    if event.behind_code[:1] == b"\xf1" or resumed(event):
        return
    because: tuple[str, ...] = ("DR6 has no bit for a cause", "neither INT1 nor INT 1 is in front of the saved RIP")
    injects, never = event.scene.abilities.injects_db, event.scene.abilities.injects_no_db
    if never is not None:
        because = (*because, never.clause)
        yield Finding(Cause("unknown", "guest", "none", "possible", because))
        return
    level: Confidence = "possible"
    if event.dr6 is not None and event.dr6.reinjected:
        level = "likely"
    else:
        because = (*because, "or software has gone to the handler, by a jump, a call or a return")
    yield Finding(Cause("injected", "hypervisor", "none", level, because, injects.sources if injects else DR6))


def same_frame(event: ExceptionFacts) -> bool:
    """Whether the frame of a #DB that came at the handler's first instruction lies where the handler's own did: an IST
    stack begins anew at each event (SDM vol. 3A 6.14.5)."""
    rsp = known(event.scene.evidence.after.rsp)
    frame = event.frame
    return frame is not None and rsp is not None and event.at == event.scene.pc and frame.rsp == rsp


def returned_to_itself(event: ExceptionFacts) -> Iterator[Finding]:
    """The handler has returned by the frame that a #DB inside its own delivery left on an IST stack."""
    if resumed(event) and same_frame(event):
        because = (
            "it is no new event: the handler returned to its own first instruction",
            "the #DB inside its delivery has overwritten the frame of the first one",
        )
        yield Finding(Cause("unknown", "guest", "none", "possible", because, ("SDM 3A 6.14.5",)))


def resumed(event: ExceptionFacts) -> bool:
    """Whether the event before this one came at this handler's first instruction: its handler has returned here now,
    and has read and cleared the DR6 of both."""
    last = known(event.scene.evidence.last_frame)
    return last is not None and last.rip == event.scene.rip and event.causes == 0 and event.frame is not None
