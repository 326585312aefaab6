"""What a module of the house defines, as Markdown. The source is read, not run: defaults stand in a signature as they
were written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG = 400
"""Characters of a value that are still shown."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported(module: str) -> dict[str, str]:
    """Where the names come from that ``module`` imports from the house."""
    found = (node for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom))
    return {alias.name: str(node.module) for node in found for alias in node.names}


def home_of(name: str, module: str) -> str:
    """The module of the house that defines what ``module`` calls ``name``; empty where it is another's."""
    while module.startswith(("gdbstub", "transports")):
        if name in definitions(module):
            return module
        module = imported(module).get(name, "")
    return ""


def exported(module: str) -> tuple[str, ...]:
    """Its ``__all__``; without one, what it defines itself."""
    for node in tree(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return tuple(ast.literal_eval(node.value))
    return tuple(name for name in definitions(module) if not name.startswith("_"))


@cache
def definitions(module: str) -> dict[str, tuple[ast.stmt, str]]:
    """What a module defines, and the docstrings."""
    return dict(_defined(tree(module).body))


def _defined(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[ast.stmt, str]]]:
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | Definition):
            yield node.name, (node, ast.get_docstring(node) or "")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            says = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            text = ast.literal_eval(after.value) if says and isinstance(after, ast.Expr) else ""
            yield ast.unparse(target), (node, str(text))


def prose(docstring: str) -> str:
    """As Markdown: a paragraph is a line."""
    paragraphs = re.split(r"\n\s*\n|\n(?=\* )", ast.get_docstring(ast.parse(repr(docstring))) or "")
    return "\n\n".join(" ".join(part.split()).replace("``", "`") for part in paragraphs).replace("\n\n* ", "\n* ")


def signature(node: Definition, name: str | None = None) -> str:
    """As it is called: without ``self``; under another ``name``, as a class is."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    values = [None] * (len(plain) - len(given.defaults)) + given.defaults
    parts = [_argument(one, value) for one, value in zip(plain, values, strict=True) if one.arg not in ("self", "cls")]
    parts += ["*"] * bool(given.kwonlyargs)
    parts += [_argument(one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None and name is None else ""
    coroutine = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{coroutine}{name or node.name}({', '.join(parts)}){returns}"


def _argument(argument: ast.arg, value: ast.expr | None) -> str:
    annotation = "" if argument.annotation is None else f": {ast.unparse(argument.annotation)}"
    return f"{argument.arg}{annotation}" + ("" if value is None else f" = {ast.unparse(value)}")


def lineage(name: str, module: str) -> Iterator[tuple[ast.ClassDef, str]]:
    """A class and what it inherits from in the house, nearest first."""
    node = definitions(module)[name][0]
    assert isinstance(node, ast.ClassDef)
    yield node, module
    for base in map(ast.unparse, node.bases):
        if home := home_of(base, module):
            yield from lineage(base, home)


def members(name: str, module: str) -> dict[str, tuple[ast.stmt, str]]:
    """What a class has without an underscore, its own in front; also what ``__init__`` sets."""
    found: dict[str, tuple[ast.stmt, str]] = {}
    for node, _ in lineage(name, module):
        begin = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        sets = ((key.removeprefix("self."), value) for one in begin for key, value in _defined(one.body))
        for key, value in (*_defined(node.body), *sets):
            found.setdefault(key, value)
    return {key: value for key, value in found.items() if key.isidentifier() and not key.startswith("_")}


def item(name: str, node: ast.stmt, docstring: str) -> str:
    """A line of the list below a class."""
    says = ": " + prose(docstring).replace("\n\n", " ") if docstring else ""
    if isinstance(node, Definition):
        returns = "" if node.returns is None else f": {ast.unparse(node.returns)}"
        is_value = any(ast.unparse(one).endswith("property") for one in node.decorator_list)
        return f"* `{name}{returns}`{says}" if is_value else f"* `{signature(node)}`{says}"
    if isinstance(node, ast.AnnAssign):
        value = "" if node.value is None else f" = {_default(node.value)}"
        return f"* `{name}: {ast.unparse(node.annotation)}{value if len(value) <= LONG else ' = …'}`{says}"
    assert isinstance(node, ast.Assign)
    attribute = ast.unparse(node.targets[0]).startswith("self.")
    value = ast.unparse(node.value)
    return f"* `{name}`{says}" if attribute else f"* `{name} = {value if len(value) <= LONG else '…'}`{says}"


def _default(value: ast.expr) -> str:
    """What a field is where it is not given."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        return (
            f"{ast.unparse(given['default_factory'])}()" if "default_factory" in given else _default(given["default"])
        )
    return ast.unparse(value)
