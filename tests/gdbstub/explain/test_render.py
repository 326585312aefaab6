"""A whole explanation as text: what the guest saw, and the width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.explain.evidence import Action, CpuFacts, Evidence, Unknown
from gdbstub.explain.explain import explain
from gdbstub.explain.text.rendering import render_text, wrapped
from gdbstub.x86.exceptions import FailedDelivery
from tests.gdbstub.explain.build import CODE, KVM_AMD, TCG, XEN, event, know, stop
from tests.gdbstub.explain.vectors import RBX, STORE


def said(evidence: Evidence, width: int | None = None) -> str:
    return render_text(explain(evidence), evidence, width)


def test_at_a_handler_the_frame_is_what_the_guest_saw() -> None:
    text = said(event(0xFFFF4FF0, rflags=0x10102, on=TCG))
    assert "\nDR6 of the guest: 0xffff4ff0; set by this event: BS\n" in text
    assert "\nFrame of the guest: RIP 0x1002, CS 0x8, RFLAGS 0x10102 (TF 1, RF 1)\n" in text


def test_the_frame_of_another_vector_has_its_error_code() -> None:
    text = said(event(0xFFFF0FF0, vector=13, error_code=0x32))
    assert "(TF 0, RF 0), error code 0x32; handler of #GP" in text
    assert "handler of" not in said(event(0xFFFF0FF0, vector=300))


def test_a_saved_rip_alone_is_no_whole_frame() -> None:
    evidence = Evidence(mode=know(64), vector=know(1), saved_rip=know(CODE), after=CpuFacts(dr6=know(0xFFFF4FF0)))
    assert "Frame of the guest: RIP 0x1000; the rest is not known" in said(evidence)


def test_what_was_not_delivered_reached_no_handler() -> None:
    whole = event(0xFFFF0FF0, vector=6, rest="0f0b")
    failed = replace(whole, frame=Unknown("none was pushed"), failed=know(FailedDelivery(13, 0x33)))
    said_of = said(failed)
    assert "No handler of the guest began and no frame was pushed: #GP(0x33) came instead" in said_of
    assert said_of.startswith("#UD invalid opcode (fault); its delivery failed: #GP(0x33) came instead\n")
    assert "because the CPU raised vector 6" in said_of
    state = said(replace(failed, unpushed=whole.frame))
    assert "no frame was pushed, at RIP 0x1002: #GP(0x33) came instead" in state
    assert state.startswith(
        "#UD invalid opcode at `ud2` (0x1002) (fault); its delivery failed: #GP(0x33) came instead\n"
    )


def test_what_came_instead_says_of_what() -> None:
    assert "it came instead of #UD, which could not be delivered" in said(
        replace(event(0xFFFF0FF0, vector=13, rest="0f0b", error_code=0x33), instead_of=know(6))
    )


def test_a_frame_without_cs_says_nothing_of_it() -> None:
    assert "Frame of the guest: RIP 0x1002, RFLAGS 0x2 (TF 0, RF 0)" in said(event(0xFFFF0FF0, cs=0))


def test_without_a_frame_nothing_is_said_of_it() -> None:
    assert "Frame" not in said(event(0xFFFF4FF0, frame=False))


def test_a_guests_event_that_the_debugger_got_was_not_seen_by_the_guest() -> None:
    stuck = stop("90", 0, dr7=0x401, dr={0: CODE}, on=KVM_AMD)
    assert "The guest has not seen its event: it was given to the debugger instead." in said(stuck)
    taken = stop(action=Action.CONTINUE, reply="T02thread:0;", dr6=0xFFFF8FF0, on=XEN)
    assert "The guest has not seen any such event" in said(taken)


def test_a_stop_of_the_debugger_is_its_own() -> None:
    text = said(stop())
    assert "This stop was the debugger's own: the guest's DR6 does not tell of it." in text
    assert "not seen" not in text


@pytest.mark.parametrize("reply", ["W00", "T06thread:01;", "T02thread:01;"])
def test_a_stop_that_is_no_event_is_not_said_to_be_missed(reply: str) -> None:
    evidence = stop(reply=reply, action=Action.CONTINUE, on=TCG)
    assert "guest has not seen" not in said(evidence)


def test_without_the_evidence_there_is_no_word_of_the_frame() -> None:
    assert "Frame" not in render_text(explain(event(0xFFFF4FF0)))


WIDE = event(0xFFFF4FF6, rflags=0x102, dr7=0xF0040A, dr={1: 0x5000}, code=STORE, registers=RBX, old=0xFFFF4FF0)


@pytest.mark.parametrize("width", [60, 72, 80, 120])
def test_lines_keep_to_the_width_and_lose_no_word(width: int) -> None:
    lines = said(WIDE, width).split("\n")
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(said(WIDE).split())


def test_the_order_is_sentence_causes_guest_caveats_sources() -> None:
    text = said(replace(WIDE, before=CpuFacts()), 80)
    places = [text.index(words) for words in ("\n\n", "because", "DR6 of the guest", "Frame", "Not known:", "Sources:")]
    assert places == sorted(places)
    assert text.startswith(explain(WIDE).summary[:40])


def test_code_between_backquotes_stays_on_one_line() -> None:
    text = "at last the instruction `push rax` ran"
    assert list(wrapped(text, 30)) == ["at last the instruction", "`push rax` ran"]
    assert list(wrapped(text, 12)) == ["at last the", "instruction", "`push rax`", "ran"]
    assert list(wrapped(text, None, "  ")) == [f"  {text}"]


def test_code_as_wide_as_a_line_is_broken_all_the_same() -> None:
    assert list(wrapped("the `mov qword ptr [rbx], rax` ran", 18)) == ["the `mov qword ptr", "[rbx], rax` ran"]
