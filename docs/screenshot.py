"""Make `docs/screen.svg`: a real screen of `dr6 demo`, taken from tmux and drawn as SVG (`python docs/screenshot.py`).

For developers only. Needs tmux and QEMU; the stop shown is that of QEMU TCG 7.2.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
STOP = 22
"""The stop to show: a data breakpoint of MOV SS, which TCG does not put off."""
SECONDS = 60.0
CELL, LINE, SIZE, MARGIN = 8.4, 18, 14, 12


class Palette(NamedTuple):
    """The colours of a terminal: behind the text, of the text, and its 16; dr6 uses no others."""

    back: str
    fore: str
    colours: tuple[str, ...]


DARK = Palette(
    "#16181d",
    "#d4d7dd",
    (
        *("#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d4d7dd"),
        *("#7f848e", "#ff7b86", "#b5e890", "#ffd68a", "#82c4ff", "#dd9bf0", "#79d4e0", "#ffffff"),
    ),
)
LIGHT = Palette(
    "#ffffff",
    "#24292f",
    (
        *("#24292f", "#b31d28", "#116329", "#8a6100", "#0550ae", "#8250df", "#0a6a74", "#6e7781"),
        *("#57606a", "#a40e26", "#1a7f37", "#633c01", "#218bff", "#a475f9", "#3192aa", "#8c959f"),
    ),
)
CONTRAST = Palette("#000000", "#ffffff", DARK.colours)


class Shot(NamedTuple):
    """A picture: its file, the terminal's size, the theme, and the colours of the terminal that shows it."""

    name: str
    width: int
    height: int
    theme: str
    palette: Palette

    @property
    def title(self) -> str:
        size = f"{self.width}x{self.height}"
        return f"dr6 demo at stop {STOP}, {size}, theme {self.theme}: code, registers, debug registers, why, stops"


SHOTS = (
    Shot("screen", 120, 50, "dark", DARK),
    Shot("screen-80x24", 80, 24, "dark", DARK),
    Shot("screen-200x60", 200, 60, "dark", DARK),
    Shot("screen-light", 120, 40, "light", LIGHT),
    Shot("screen-high-contrast", 120, 40, "high-contrast", CONTRAST),
    Shot("screen-none", 120, 40, "none", DARK),
)


class Look(NamedTuple):
    """How a cell looks: what Select Graphic Rendition (ECMA-48 8.3.117) has set."""

    fore: str | None = None
    back: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 39: ("fore",), 49: ("back",)}
CODES = {
    base + n: (key, n + more)
    for key, base, more in (("fore", 30, 0), ("back", 40, 0), ("fore", 90, 8), ("back", 100, 8))
    for n in range(8)
}


def select(look: Look, codes: str, colours: tuple[str, ...]) -> Look:
    """The look after ``ESC [ codes m``. A code that is not drawn here is an error, so that no picture is wrong."""
    for code in map(int, codes.split(";") if codes else ["0"]):
        if code == 0:
            look = Look()
        elif code in ON:
            look = Look(**look._asdict() | {ON[code]: True})
        elif code in OFF:
            look = Look(**look._asdict() | {key: Look._field_defaults[key] for key in OFF[code]})
        elif code in CODES:
            key, number = CODES[code]
            look = Look(**look._asdict() | {key: colours[number]})
        else:
            raise ValueError(f"this script does not draw SGR {code}")
    return look


def runs(screen: str, colours: tuple[str, ...]) -> Iterator[tuple[int, int, Look, str]]:
    """Row, column, look and text of each run of equal cells. A look goes on beyond the end of a line."""
    look = Look()
    for row, line in enumerate(screen.rstrip("\n").split("\n")):
        column = 0
        text, *rest = re.split(r"\x1b\[([0-9;]*)m", line)
        for codes, piece in [(None, text), *zip(rest[::2], rest[1::2], strict=True)]:
            look = look if codes is None else select(look, codes, colours)
            if piece:
                yield row, column, look, piece
            column += len(piece)  # every character that dr6 draws is one cell wide


def svg(screen: str, shot: Shot = SHOTS[0]) -> str:
    """The picture of ``screen``, which is text with SGR sequences as ``tmux capture-pane -e`` gives it."""
    width, height = shot.width * CELL + 2 * MARGIN, shot.height * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" '
        f'font-size="{SIZE}" fill="{shot.palette.fore}">',
        f"<title>{shot.title}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{shot.palette.back}"/>',
    ]
    parts += [shape for run in runs(screen, shot.palette.colours) for shape in cells(*run, shot.palette)]
    return "\n".join([*parts, "</svg>\n"])


def cells(row: int, column: int, look: Look, text: str, palette: Palette) -> Iterator[str]:
    """One run: its background, where it has one, and its text, stretched to its cells whatever the font."""
    fore, back = look.fore or palette.fore, look.back
    if look.reverse:
        fore, back = back or palette.back, fore
    x, y = MARGIN + column * CELL, MARGIN + row * LINE
    if back is not None:
        yield f'<rect x="{x:g}" y="{y}" width="{len(text) * CELL:g}" height="{LINE}" fill="{back}"/>'
    shown = text.strip()
    if not shown:
        return
    x += (len(text) - len(text.lstrip())) * CELL
    attributes = "".join(
        f' {name}="{value}"'
        for name, value, wanted in (
            ("fill", fore, fore != palette.fore),
            ("font-weight", "bold", look.bold),
            ("font-style", "italic", look.italic),
            ("text-decoration", "underline", look.underline),
            ("opacity", "0.6", look.dim),
        )
        if wanted
    )
    yield (
        f'<text x="{x:g}" y="{y + SIZE}" textLength="{len(shown) * CELL:g}" lengthAdjust="spacingAndGlyphs" '
        f'xml:space="preserve"{attributes}>{escape(shown)}</text>'
    )


def capture(shot: Shot) -> str:
    """The screen of the demo at stop `STOP`, from a tmux of our own."""
    with tempfile.TemporaryDirectory() as directory:
        tmux = ("tmux", "-u", "-S", f"{directory}/tmux", "-f", "/dev/null")

        def run(*words: str) -> str:
            return subprocess.run([*tmux, *words], check=True, capture_output=True, text=True).stdout

        def wait_for(pattern: str) -> None:
            until = time.monotonic() + SECONDS
            while not re.search(pattern, screen := run("capture-pane", "-p")):
                if time.monotonic() > until:
                    raise SystemExit(f"no {pattern!r} on the screen:\n{screen}")
                time.sleep(0.05)

        size = ("-x", str(shot.width), "-y", str(shot.height))
        own = ("-e", "NO_COLOR=", "-e", f"XDG_STATE_HOME={directory}", "-e", "LC_ALL=C.UTF-8")
        run("new-session", "-d", *size, *own, f"exec {Path(sys.executable).parent}/dr6 demo")
        try:
            for number in range(1, STOP + 1):
                wait_for(rf"STOPPED .* stop #{number} ")
                if number == 1:
                    run("send-keys", f"set theme {shot.theme}", "Enter")
                    wait_for(r"STOPPED(?s:.*)set theme(?s:.*)\n\(dr6\) *\n")
                if number < STOP:
                    run("send-keys", "F9")
            wait_for(r"4 why .* contradiction")
            return run("capture-pane", "-e", "-N", "-p")
        finally:
            run("kill-server")


if __name__ == "__main__":
    for shot in SHOTS:
        path = f"launch:{ROOT / 'frontend' / 'data' / 'demo.elf'}"
        picture = svg(capture(shot).replace(path, "launch:demo.elf".rjust(len(path))), shot)
        if str(ROOT) in picture:
            raise SystemExit("the picture shows a path of this machine")
        (ROOT / "docs" / f"{shot.name}.svg").write_text(picture, encoding="utf-8")
