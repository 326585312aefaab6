"""Assembly → styled pieces; the only import of pygments."""

from __future__ import annotations

from functools import lru_cache

from pygments.lexers.asm import NasmLexer
from pygments.token import Token, _TokenType

_LEXER = NasmLexer()
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Token.Name.Function, "class:code.mnemonic"),
    (Token.Name.Builtin, "class:code.register"),
    (Token.Literal.Number, "class:code.number"),
    (Token.Keyword.Type, "class:code.size"),
    (Token.Punctuation, "class:code.punctuation"),
)
# The lexer knows neither of these as what they are.
_PREFIXES = frozenset({"rep", "repe", "repne", "repz", "repnz", "lock", "bnd", "notrack", "data16"})
_SIZES = frozenset({"ptr", "xmmword", "ymmword", "zmmword", "fword", "far"})
_REGISTERS = frozenset({"rip", "eip", "ip"})


def _style(kind: _TokenType, text: str, after_prefix: bool) -> str:
    if kind is Token.Name.Variable:
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
    for _, kind, piece in _LEXER.get_tokens_unprocessed(text):
        pieces.append((_style(kind, piece, after_prefix), piece))
        if not piece.isspace():
            after_prefix = piece in _PREFIXES
    return tuple(pieces)
