"""A line of C → its tree."""

from __future__ import annotations

import re
from typing import NamedTuple

from frontend.commands.nodes import (
    Binary,
    Call,
    Cast,
    Index,
    Member,
    Name,
    Node,
    Number,
    Read,
    Repeat,
    SizeOf,
    Text,
    TypeName,
    Unary,
    Variable,
)
from frontend.commands.values import TYPE_WORDS, CType, Value, literal, named_type
from gdbstub.errors import BadExpression

LONGEST = 1000
MOST_TOKENS = 200
DEEPEST = 40


_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)(?![\w.])"
    r"|(?P<variable>\$\$?\d*(?![\w])|\$[A-Za-z_]\w*)"
    r"|(?P<name>[A-Za-z_.][\w.]*(?:@+[A-Za-z_][\w.]*)*(?:\$[\w.]+)*)|'(?P<quoted>[^']+)'|(?P<character>\"(?:\\.|[^\"\\])\")|\"(?P<string>[^\"]*)\""
    r"|(?P<operator>\|\||&&|->|<<|>>|[=!<>]=|[-+*/%&|^~!<>()\[\]{}@,]))"
)
_PRECEDENCE = {
    operator: level
    for level, operators in enumerate(
        ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "@", "+ -", "* / %"), start=1
    )
    for operator in operators.split()
}


TAGS = ("struct", "union", "enum")


class _Token(NamedTuple):
    kind: str
    text: str


def parse(text: str) -> Node:
    """The tree of ``text``. Raises BadExpression with one sentence."""
    if len(text) > LONGEST:
        raise BadExpression(f"The expression is longer than {LONGEST} characters.")
    tokens = _tokens(text)
    if not tokens:
        raise BadExpression("An expression is missing.")
    parser = _Parser(tokens)
    node = parser.expression(1)
    if parser.position < len(tokens):
        raise BadExpression(f"Cannot make sense of {tokens[parser.position].text!r} in {text.strip()!r}.")
    return node


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadExpression(f"Cannot make sense of {text[position:].strip()[:40]!r}.")
        kind = str(match.lastgroup)
        tokens.append(_Token("name" if kind == "quoted" else kind, match[kind]))
        position = match.end()
        if len(tokens) > MOST_TOKENS:
            raise BadExpression(f"The expression has more than {MOST_TOKENS} parts.")
    return tokens


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def peek(self, ahead: int = 0) -> _Token:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else _Token("end", "the end")

    def take(self, text: str) -> bool:
        token = self.peek()
        if token.kind == "operator" and token.text == text:
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise BadExpression(f"Expected {text!r}, found {self.peek().text!r}.")

    def expression(self, lowest: int) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadExpression(f"The expression is nested deeper than {DEEPEST} levels.")
        left = self.unary()
        while True:
            token = self.peek()
            level = _PRECEDENCE.get(token.text, 0) if token.kind == "operator" else 0
            if level < lowest:
                break
            self.position += 1
            right = self.expression(level + 1)
            left = Repeat(left, right) if token.text == "@" else Binary(token.text, left, right)
        self.depth -= 1
        return left

    def unary(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadExpression(f"The expression is nested deeper than {DEEPEST} levels.")
        node = self.prefixed()
        self.depth -= 1
        return node

    def prefixed(self) -> Node:
        token = self.peek()
        if token.kind == "operator":
            if token.text in ("-", "+", "~", "!", "&"):
                self.position += 1
                return Unary(token.text, self.unary())
            if self.take("*"):
                return Read(self.unary(), None)
            if self.take("{"):
                kind = self.type()
                self.expect("}")
                return Read(self.unary(), kind)
            if token.text == "(" and (cast := self.in_parentheses()) is not None:
                return Cast(cast, self.unary())
        if token == _Token("name", "sizeof"):
            self.position += 1
            measured = self.in_parentheses(alone=True)
            return SizeOf(self.unary() if measured is None else measured)
        return self.postfixed(self.primary())

    def postfixed(self, node: Node) -> Node:
        while True:
            if self.take("["):
                node = Index(node, self.expression(1))
                self.expect("]")
            elif self.take("->"):
                node = _members(node, self.word())
            elif self.peek().kind == "name" and self.peek().text.startswith("."):
                node = _members(node, self.word()[1:])
            else:
                return node

    def word(self) -> str:
        token = self.peek()
        if token.kind != "name":
            raise BadExpression(f"The name of a member is missing before {token.text!r}.")
        self.position += 1
        return token.text

    def primary(self) -> Node:
        if self.take("("):
            node = self.expression(1)
            self.expect(")")
            return node
        kind, text = self.peek()
        self.position += 1
        if kind == "number":
            return Number(_number(text))
        if kind in ("variable", "name") and self.take("("):
            return Call(text, self.arguments())
        if kind == "variable":
            return Variable(text[1:])
        if kind == "name":
            return Name(text)
        if kind == "character":
            return Number(literal(ord(text[-2]), decimal=True))
        raise BadExpression(
            f"A value is missing before {text!r}." if kind != "end" else "A value is missing at the end."
        )

    def arguments(self) -> tuple[Node, ...]:
        """Up to the closing parenthesis of a call."""
        found: list[Node] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            token = self.peek()
            if token.kind in ("string", "character"):
                self.position += 1
                found.append(Text(token.text.strip('"')))
            else:
                found.append(self.expression(1))
        return tuple(found)

    def in_parentheses(self, *, alone: bool = False) -> CType | TypeName | None:
        """A type in parentheses, if one stands here: C's own, ``struct NAME``, a name with stars, or a name in front of
        an operand; ``alone``: also a plain name."""
        begin = self.position
        if self.is_type(1):
            self.position += 1
            kind: CType | TypeName = self.type()
            self.expect(")")
            return kind
        words, at = [], 1
        while self.peek(at).kind == "name" and self.peek(at).text not in TYPE_WORDS:
            words.append(self.peek(at).text)
            at += 1
        stars = 0
        while self.peek(at) == _Token("operator", "*"):
            stars, at = stars + 1, at + 1
        tagged = len(words) == 2 and words[0] in TAGS
        behind = self.peek(at + 1)
        operand = behind.kind in ("number", "variable", "name") and behind.text[:1] != "."
        if self.peek(at) == _Token("operator", ")") and (tagged or (len(words) == 1 and (stars or operand or alone))):
            self.position = begin + at + 1
            return TypeName(f"{' '.join(words)} {'*' * stars}".strip())
        return None

    def is_type(self, ahead: int) -> bool:
        token = self.peek(ahead)
        return token.kind == "name" and token.text in TYPE_WORDS

    def type(self) -> CType:
        words: list[str] = []
        while self.is_type(0):
            words.append(self.peek().text)
            self.position += 1
        if not words:
            raise BadExpression(f"Expected a type such as int or u64, found {self.peek().text!r}.")
        kind = named_type(words)
        while self.take("*"):
            kind = CType(8, False, kind)
        return kind


def _members(node: Node, names: str) -> Node:
    for name in names.split("."):
        node = Member(node, name)
    return node


def _number(text: str) -> Value:
    if text[:2] in ("0x", "0X", "0b", "0B"):
        return literal(int(text, 0), decimal=False)
    if text[0] == "0" and len(text) > 1:
        if not set(text) <= set("01234567"):
            raise BadExpression(f"{text} is no octal number; leave out the leading 0 for a decimal one.")
        return literal(int(text, 8), decimal=False)
    return literal(int(text), decimal=True)
