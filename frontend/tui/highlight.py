"""Assembly → styled pieces; the only import of pygments."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexers.asm import NasmLexer

_CLASSES = (
    (("Name", "Function"), "class:code.mnemonic"),
    (("Name", "Builtin"), "class:code.register"),
    (("Literal", "Number"), "class:code.number"),
    (("Keyword", "Type"), "class:code.size"),
    (("Punctuation",), "class:code.punctuation"),
)
"""A token is a tuple of names."""
# The lexer knows neither of these as what they are.
_PREFIXES = frozenset({"rep", "repe", "repne", "repz", "repnz", "lock", "bnd", "notrack", "data16"})
_SIZES = frozenset({"ptr", "xmmword", "ymmword", "zmmword", "fword", "far"})
_REGISTERS = frozenset({"rip", "eip", "ip"})


@lru_cache(maxsize=1)
def _lexer() -> NasmLexer:
    from pygments.lexers.asm import NasmLexer  # loaded with the first code, which is behind the first picture

    return NasmLexer()


def _style(kind: Iterable[str], text: str, after_prefix: bool) -> str:
    kind = tuple(kind)
    if kind == ("Name", "Variable"):
        if after_prefix:
            return "class:code.mnemonic"
        if text in _SIZES:
            return "class:code.size"
        return "class:code.register" if text in _REGISTERS else ""
    return next((style for token, style in _CLASSES if kind[: len(token)] == token), "")


@lru_cache(maxsize=4096)
def highlight(text: str) -> tuple[tuple[str, str], ...]:
    """One instruction in Intel syntax as (style, text) pieces whose texts join to ``text``."""
    pieces = []
    after_prefix = False
    for _, kind, piece in _lexer().get_tokens_unprocessed(text):
        pieces.append((_style(kind, piece, after_prefix), piece))
        if not piece.isspace():
            after_prefix = piece in _PREFIXES
    return tuple(pieces)
