"""What is on top of the stack, and where its words lead."""

from __future__ import annotations

from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import Fragment, Line, Page, line, page, span
from frontend.tui.telescope import Chain, ChainLink, StackWord
from frontend.tui.view import ViewState
from gdbstub.debugger.record import StopRecord

NAME = "stack"
ADDRESS_FROM = 40
_PUSHED = ("rip", "cs", "rflags", "rsp", "ss")


def frame_names(record: StopRecord) -> dict[int, str]:
    """Which word (counted from the stack pointer) holds which part of a caught event's exception frame."""
    if record.event is None or record.event.frame is None:
        return {}
    frame = record.event.frame
    names = ["error code"] if frame.error_code is not None else []
    names.extend(name for name in _PUSHED if getattr(frame, name) is not None)
    return dict(enumerate(names))


def _row(word: StackWord, frame: str, chain: Chain, size: int, digits: int, wide: bool) -> Line:
    named = f"<{word.name}>" if word.name and wide else word.name
    return line(
        span(f"{word.address:0{digits}x} ", "dim") if wide else "",
        span(f"+{word.offset:<3x} ", "name") if wide else "",
        f"{word.value:0{size * 2}x}",
        span(f" {frame}" if frame else "", "fired"),
        span(f" {chain.mark}" if chain.mark and not frame else "", "strong"),
        span(f" {named}" if named else "", "code.symbol"),
        *((_link(link) for link in chain.links) if wide and not frame else ()),
    )


def _link(link: ChainLink) -> Fragment:
    """`` → 0x1000 <symbol>`` or `` → "string"``."""
    if link.text:
        return span(f" → {link.text}", "code.number")
    return span(f" → {link.value:#x}{f' <{link.name}>' if link.name else ''}", "dim")


def render(view: ViewState, width: int, height: int) -> Page:
    record, window = view.record, view.window
    if record is None or view.state is None:
        return Page(())
    if window is None or not window.stack:
        why = "the stack cannot be read" if window is not None else "the stack was not read at this stop"
        why = why if view.stood else "the stack was not read: the guest ran on"
        return Page((line(span(why, "dim")),))
    digits = address_digits(word.address for word in window.stack)
    frame = frame_names(record) if view.live is None or view.selected is not None else {}
    chains = window.extras.chains or ()
    lines = [
        _row(
            word,
            frame.get(number, ""),
            chains[number] if number < len(chains) else Chain(),
            window.word,
            digits,
            width >= ADDRESS_FROM,
        )
        for number, word in enumerate(window.stack)
    ]
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    return ""
