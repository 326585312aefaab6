"""How things look: class names → the terminal's own ANSI colours, so that the user's theme rules.

Interface and code are two tables, merged last. What must be told apart without colour (``NO_COLOR``)
differs in an attribute (bold, reverse, underline, dim) or in its text, never in colour alone.
"""

from __future__ import annotations

from prompt_toolkit.styles import Style

INTERFACE = {
    "rule": "dim",
    "title": "dim",
    "title.front": "nodim bold",
    "title.focused": "nodim bold ansicyan underline",
    "title.note": "nodim",
    "status": "reverse",
    "status.running": "bold ansigreen",
    "status.stopped": "bold",
    "status.past": "bold ansiyellow",
    "status.ended": "bold ansired",
    "keys": "dim",
    "keys.key": "nodim bold",
    "prompt": "bold",
    "question": "bold ansiyellow",
    "tour": "bold reverse",
    "dim": "dim",
    "stale": "dim",
    "strong": "bold",
    "name": "ansicyan",
    "changed": "bold ansired",
    "selected": "reverse",
    "good": "ansigreen",
    "fired": "bold ansigreen",
    "warning": "bold ansiyellow",
    "error": "bold ansired",
    "owner.debugger": "ansicyan",
    "owner.debugger-leak": "ansiyellow",
    "owner.guest": "ansimagenta",
    "owner.hypervisor": "ansiyellow",
    "owner.unknown": "dim",
    "command": "bold",
    "help.title": "bold",
    "help.key": "bold ansicyan",
    # prompt_toolkit's own widgets, which bring colours of their own
    "completion-menu": "noreverse bg:default",
    "completion-menu.completion": "fg:default bg:default",
    "completion-menu.completion.current": "reverse",
    "completion-menu.meta.completion": "dim bg:default",
    "completion-menu.meta.completion.current": "reverse",
    "scrollbar.background": "bg:default",
    "scrollbar.button": "reverse",
    "bottom-toolbar": "noreverse",
}

CODE = {
    "code.mnemonic": "bold",
    "code.register": "ansicyan",
    "code.number": "ansimagenta",
    "code.size": "dim",
    "code.punctuation": "",
    "code.symbol": "ansiyellow",
    "code.address": "dim",
    "code.bytes": "dim",
    "code.here": "reverse",
    "code.past": "bold underline",
    "code.breakpoint": "bold ansired",
    "code.label": "ansiyellow",
    "code.cursor": "underline",
}


_ON_LIGHT = {"ansiyellow": "ansired", "ansicyan": "ansiblue"}
"""Colours that are hard to read on white, and what stands for them there."""
_BRIGHT = {
    "ansired": "ansibrightred",
    "ansigreen": "ansibrightgreen",
    "ansiyellow": "ansibrightyellow",
    "ansicyan": "ansibrightcyan",
    "ansimagenta": "ansibrightmagenta",
}


def _themed(style: str, theme: str) -> str:
    words = style.split()
    if theme == "light":
        words = [_ON_LIGHT.get(word, word) for word in words]
    elif theme == "high-contrast":
        words = [_BRIGHT.get(word, word) for word in words if word not in ("dim", "nodim")]
    elif theme == "none":
        words = [word for word in words if not word.startswith("ansi")]
    return " ".join(words)


def make_style(theme: str = "dark") -> Style:
    """The application's style. Colours are dropped at the output as well (`app.color_depth`) where nobody wants any."""
    return Style.from_dict({name: _themed(style, theme) for name, style in {**INTERFACE, **CODE}.items()})
