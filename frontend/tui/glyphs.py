"""What a terminal gets whose locale has no UTF-8: ASCII for the characters that the screen draws with."""

from __future__ import annotations

from collections.abc import Mapping

_ASCII = {
    "─": "-", "│": "|", "●": "*", "○": "o", "▶": ">", "→": ">", "◀": "<", "›": "+", "■": "#", "▪": "*", "·": ".",
    "•": "*", "…": "~", "⋯": "~", "↑": "^", "↓": "v", "×": "x", "–": "-",
}  # fmt: skip
"""Each is one cell, as what stands for it is."""
_TABLE = str.maketrans(_ASCII)


def in_ascii(text: str) -> str:
    """``text`` of as many cells in ASCII; what the screen does not draw with (a guest's letters) is a question mark."""
    if text.isascii():
        return text
    return "".join(one if one.isascii() else "?" for one in text.translate(_TABLE))


def has_utf8(environment: Mapping[str, str]) -> bool:
    """Does the locale say UTF-8? One that says nothing does not say no. Where Python has put C.UTF-8 in the place of C
    (PEP 538) it is still C."""
    coerced = environment.get("LC_CTYPE") == "C.UTF-8" and environment.get("LANG") in ("C", "POSIX")
    names = ("LC_ALL", "LANG") if coerced else ("LC_ALL", "LC_CTYPE", "LANG")
    said = next((value for name in names if (value := environment.get(name, ""))), "")
    return not said or "utf-8" in said.lower() or "utf8" in said.lower()
