"""C-like integer expressions over registers, symbols and guest memory: `parse`, then `evaluate`.

Grammar, loosest first: ``|| && | ^ & == != < <= > >= << >> + - * / %``, unary ``- + ~ ! * &``, casts
``(type)`` and ``(type *)``, ``{type} address``, ``pointer[index]``, parentheses; numbers as in C; ``$name``
is a register, a convenience variable or, as ``$``, ``$$``, ``$N``, a value of the history; any other name
is the address of a symbol. A tree is parsed once and evaluated often (a breakpoint's condition), so the two
are apart.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from frontend.commands.values import (
    LONG,
    POINTER,
    TYPE_WORDS,
    CType,
    Value,
    binary,
    literal,
    named_type,
    pointer,
    unary,
    value_of,
)
from gdbstub.errors import BadExpression

LONGEST = 1000
MOST_TOKENS = 200
DEEPEST = 40


class Environment(Protocol):
    """Where names get their values; each answers None for a name that it does not know."""

    async def variable(self, name: str) -> Value | None:
        """``$name``, without the dollar."""

    def symbol(self, name: str) -> int | None: ...

    async def read_memory(self, address: int, length: int) -> bytes: ...


class Number(NamedTuple):
    value: Value


class Variable(NamedTuple):
    name: str


class Name(NamedTuple):
    name: str


class Unary(NamedTuple):
    operator: str
    operand: Node


class Binary(NamedTuple):
    operator: str
    left: Node
    right: Node


class Cast(NamedTuple):
    type: CType
    operand: Node


class Read(NamedTuple):
    """Memory at ``address``; ``type`` None takes the pointer's target, or eight bytes."""

    address: Node
    type: CType | None


Node = Number | Variable | Name | Unary | Binary | Cast | Read

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)(?![\w.])"
    r"|(?P<variable>\$\$?\d*(?![\w])|\$[A-Za-z_]\w*)"
    r"|(?P<name>[A-Za-z_.][\w.@]*(?:\$[\w.]+)*)|'(?P<quoted>[^']+)'|(?P<character>\"(?:\\.|[^\"\\])\")"
    r"|(?P<operator>\|\||&&|<<|>>|[=!<>]=|[-+*/%&|^~!<>()\[\]{}]))"
)
_PRECEDENCE = {
    operator: level
    for level, operators in enumerate(
        ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %"), start=1
    )
    for operator in operators.split()
}


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


async def evaluate(node: Node, environment: Environment) -> Value:
    """The value of a tree now. Raises BadExpression, or what the environment raises for unreadable memory."""
    match node:
        case Number(value):
            return value
        case Variable(name):
            found = await environment.variable(name)
            if found is None:
                raise BadExpression(f"${name} is neither a register of this target nor a variable that was set.")
            return found
        case Name(name):
            address = environment.symbol(name)
            if address is None:
                raise BadExpression(f"No symbol {name!r} is known; load one with --symbols FILE.")
            return pointer(address)
        case Cast(kind, operand):
            value = await evaluate(operand, environment)
            return value_of(value.number, kind, "address" if kind.target else "plain")
        case Unary("&", operand):
            if isinstance(operand, Read):
                return await evaluate(operand.address, environment)
            return await evaluate(operand, environment)
        case Unary(operator, operand):
            return unary(operator, await evaluate(operand, environment))
        case Binary(("&&" | "||") as operator, left, right):
            decided = (await evaluate(left, environment)).number != 0
            if decided is (operator == "&&"):
                decided = (await evaluate(right, environment)).number != 0
            return literal(int(decided), decimal=True)
        case Binary(operator, left, right):
            return binary(operator, await evaluate(left, environment), await evaluate(right, environment))
        case Read(operand, kind):
            where = await evaluate(operand, environment)
            kind = kind or read_type(where)
            data = await environment.read_memory(where.address, kind.size)
            number = kind.wrap(int.from_bytes(data, "little"))
            return Value(number, kind, "address" if kind.target else "plain")


def read_type(where: Value) -> CType:
    """What ``*where`` reads: a pointer's target, and eight bytes for a bare address, as gdb does."""
    if where.type.target is not None and where.type is not POINTER:
        return where.type.target
    return LONG


async def evaluate_text(text: str, environment: Environment) -> Value:
    return await evaluate(parse(text), environment)


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
            left = Binary(token.text, left, self.expression(level + 1))
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
            if token.text in "-+~!&":
                self.position += 1
                return Unary(token.text, self.unary())
            if self.take("*"):
                return Read(self.unary(), None)
            if self.take("{"):
                kind = self.type()
                self.expect("}")
                return Read(self.unary(), kind)
            if token.text == "(" and self.is_type(1):
                self.position += 1
                kind = self.type()
                self.expect(")")
                return Cast(kind, self.unary())
        return self.postfixed(self.primary())

    def postfixed(self, node: Node) -> Node:
        while self.take("["):
            node = Read(Binary("+", node, self.expression(1)), None)
            self.expect("]")
        return node

    def primary(self) -> Node:
        if self.take("("):
            node = self.expression(1)
            self.expect(")")
            return node
        kind, text = self.peek()
        self.position += 1
        if kind == "number":
            return Number(_number(text))
        if kind == "variable":
            return Variable(text[1:])
        if kind == "name":
            return Name(text)
        if kind == "character":
            return Number(literal(ord(text[-2]), decimal=True))
        raise BadExpression(
            f"A value is missing before {text!r}." if kind != "end" else "A value is missing at the end."
        )

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


def _number(text: str) -> Value:
    if text[:2] in ("0x", "0X", "0b", "0B"):
        return literal(int(text, 0), decimal=False)
    if text[0] == "0" and len(text) > 1:
        if not set(text) <= set("01234567"):
            raise BadExpression(f"{text} is no octal number; leave out the leading 0 for a decimal one.")
        return literal(int(text, 8), decimal=False)
    return literal(int(text), decimal=True)
