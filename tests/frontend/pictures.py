"""Every picture that is compared as whole text, by name. ``python -m tests.frontend.pictures`` writes them anew;
look at the difference before you keep it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from frontend.tui.controls import HOW_TO_LEAVE
from frontend.tui.events import Ask, Event, Focus, Message, OpenSheet, Printed, SelectStop, Sheet, Submitted, Toggle
from frontend.tui.panes import PANES
from gdbstub.debugger.events import Disconnected, Resumed
from tests.frontend.drawing import draw, make_app, screen_with, text
from tests.frontend.stories import events, view

GOLDEN = Path(__file__).parent / "golden"
SMALL = {
    "code": (54, 8), "registers": (25, 21), "dr": (25, 20), "why": (54, 7), "stops": (54, 5), "stack": (25, 12),
    "breakpoints": (25, 4), "messages": (54, 3), "output": (54, 3), "memory": (54, 7), "watch": (25, 12),
    "cpus": (25, 12), "tables": (54, 7), "pages": (54, 7),
    "source": (54, 3),
}  # fmt: skip
"""The sizes that panes have at about 80×24 (without their titles)."""
LARGE = {
    "code": (83, 34), "registers": (50, 18), "dr": (50, 18), "why": (65, 26), "stops": (90, 10), "stack": (50, 12),
    "breakpoints": (50, 8), "messages": (83, 12), "output": (83, 8), "memory": (90, 10), "watch": (50, 8),
    "cpus": (50, 8), "tables": (90, 12), "pages": (90, 10),
    "source": (83, 8),
}  # fmt: skip
LONG = tuple(f"line {number} of an answer that goes on and on and is wrapped in the end" for number in range(9))
ANSWER = OpenSheet(Sheet("x/9s 0", tuple(Message("text", one) for one in LONG)))


def screen(columns: int, rows: int, *more: Event) -> str:
    return "\n".join(draw(make_app(screen_with([*events(), *more]), columns, rows)))


def panes(sizes: dict[str, tuple[int, int]]) -> str:
    state = view()
    shown = (
        f"== {name} {width}x{height}\n{text(PANES[name].render(state, width, height))}"
        for name, (width, height) in sizes.items()
    )
    return "\n".join(shown)


PICTURES: dict[str, Callable[[], str]] = {
    "panes-small": lambda: panes(SMALL),
    "panes-large": lambda: panes(LARGE),
    "screen-80x24": lambda: screen(80, 24),
    "screen-80x24-back-at-2": lambda: screen(80, 24, SelectStop(2), Focus("stops"), Focus("dr")),
    "screen-80x24-help": lambda: screen(80, 24, Toggle("help")),
    "screen-80x24-answer": lambda: screen(80, 24, Submitted("x/9s 0"), *map(Printed, LONG), ANSWER),
    "screen-80x24-zoom": lambda: screen(80, 24, Focus("why"), Toggle("zoom")),
    "screen-80x24-question": lambda: screen(80, 24, Ask(HOW_TO_LEAVE)),
    "screen-80x24-running": lambda: screen(80, 24, Resumed()),
    "screen-80x24-lost": lambda: screen(80, 24, Disconnected("The stub closed the connection.")),
    "screen-40x12": lambda: screen(40, 12),
    "screen-120x40": lambda: screen(120, 40),
    "screen-200x60": lambda: screen(200, 60),
}


def golden(name: str) -> str:
    """The picture as it was kept."""
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, make in PICTURES.items():
        (GOLDEN / f"{name}.txt").write_text(make() + "\n", encoding="utf-8")
