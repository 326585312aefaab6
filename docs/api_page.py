"""docs/api.md: the public names of the library, from their signatures and docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.source import definitions, exported, home_of, imported, item, lineage, members, prose, signature

EXAMPLES = Path(__file__).parent / "examples"
DOORS = ("gdbstub", "gdbstub.explain", "gdbstub.protocol")
"""The packages whose ``__all__`` is public. A module that one of them names is public too: all of its names without an
underscore, if it has no ``__all__``."""
WITH_STREAMS = ("Endpoint", "open_endpoint", "parse_target", "BadTarget", "CannotOpen", "TransportFailure")
"""What of `transports` a user of the library needs."""

HEAD = """\
# The library

`import gdbstub` drives a guest, reads it, and explains its stops.
It does not open connections: a `Debugger` takes any `trio.abc.Stream`, and `transports` has them for everything that dr6 calls a [TARGET](formats.md#target).
Without I/O are [gdbstub.explain](#explanations), from evidence of your own to an explanation, and [gdbstub.protocol](#the-protocol), the remote serial protocol for both ends.
`import gdbstub` loads nothing; each name loads what it needs when it is first used.

```python
{example}```

That is [examples/why_did_it_stop.py](examples/why_did_it_stop.py).
[examples/step_trace.py](examples/step_trace.py) steps and prints registers; [examples/packets.py](examples/packets.py) speaks the protocol over a plain socket, without trio.

What is on this page is public: [CONTRIBUTING.md](../CONTRIBUTING.md#what-is-public) says what a change of it takes.
Addresses are linear unless the text says otherwise, sizes are bytes, times are seconds.
Texts that come from a guest or its stub are as they came: clean them before a terminal gets them.
This page is made by `make docs` from the docstrings.
"""


class Section(NamedTuple):
    """``modules``: the names that are at home there, in this order."""

    title: str
    modules: tuple[str, ...]
    text: str = ""


SECTIONS = (
    Section("The debugger", ("gdbstub.debugger.debugger", "gdbstub.debugger.options", "gdbstub.debugger.events")),
    Section(
        "Streams",
        ("transports.endpoint", "transports.address", "transports.errors"),
        "`transports` and `gdbstub` do not know each other: what stands here is imported from `transports`.",
    ),
    Section("Stops", ("gdbstub.debugger.record",)),
    Section("Breakpoints", ("gdbstub.x86.breakpoints", "gdbstub.debugger.breakpoints")),
    Section("The CPU", ("gdbstub.x86.cpu_state", "gdbstub.x86.exceptions")),
    Section("The stub", ("gdbstub.remote.capabilities",)),
    Section("Errors", ("gdbstub.errors",)),
    Section(
        "Explanations",
        (
            *("gdbstub.explain.explain", "gdbstub.explain.explanation", "gdbstub.explain.text.rendering"),
            *("gdbstub.explain.evidence", "gdbstub.explain.evidence_json", "gdbstub.explain.json_values"),
        ),
        "Imported from `gdbstub.explain`. [explaining.md](explaining.md) has the rules, and the same as JSON.",
    ),
    Section(
        "The protocol",
        ("gdbstub.protocol.link", "gdbstub.protocol.wire", "gdbstub.protocol.events"),
        "Imported from `gdbstub.protocol`, as everything below.",
    ),
    Section("Stop replies", ("gdbstub.protocol.stops",)),
    Section(
        "A client's packets", ("gdbstub.protocol.messages",), "Used by the name of the module: `messages.read_memory`."
    ),
    Section(
        "A server's packets",
        ("gdbstub.protocol.server_messages",),
        "Used by the name of the module: `server_messages.parse_range`.",
    ),
    Section("Features", ("gdbstub.protocol.features",)),
    Section(
        "Registers and target descriptions",
        ("gdbstub.protocol.layout", "gdbstub.protocol.target_xml", "gdbstub.protocol.target_xml_writer"),
    ),
    Section(
        "Frames and fields", ("gdbstub.protocol.framing", "gdbstub.protocol.fields", "gdbstub.protocol.run_lengths")
    ),
    Section("Tables of packets and states", ("gdbstub.protocol.packets", "gdbstub.protocol.states")),
)

MEMBERS = {
    "Debugger": {
        "Attach and leave": (
            "attach",
            "detach",
            "kill",
            "target",
            "backend",
            "capabilities",
            "platform",
            "lost",
            "ended",
        ),
        "Run": ("step", "run_steps", "resume", "interrupt", "running", "interrupted", "halted", "cpu", "select_cpu"),
        "Stops so far, and who hears of them": ("records", "newest", "listen", "on_handler"),
        "Read and write": (
            *("state", "read_memory", "write_memory", "set_register", "raw_registers", "layout"),
            *("monitor", "ask_stub"),
        ),
        "Breakpoints and caught vectors": ("add_breakpoint", "delete_breakpoint", "enable_breakpoint", "breakpoints"),
    },
    "Link": {
        "Both ends": (
            *("data_to_send", "receive", "state", "running", "outstanding", "acknowledging"),
            *("role", "pipelined", "packet_size"),
        ),
        "A client": ("send", "interrupt", "resynchronise", "send_file_reply"),
        "A server": ("reply", "stop", "console"),
    },
}
"""Classes of which a part is public: the rest serves the house's own rooms."""


def public() -> dict[str, list[str]]:
    """The public names by the module that defines them."""
    found: dict[str, list[str]] = {}
    for door in DOORS:
        for name in exported(door):
            if f"{door}.{name}" in DOORS:
                continue
            if imported(door).get(name) == door:  # a module, used by its name
                found[f"{door}.{name}"] = list(exported(f"{door}.{name}"))
            else:
                found.setdefault(home_of(name, door), []).append(name)
    for name in WITH_STREAMS:
        found.setdefault(home_of(name, "transports"), []).append(name)
    return found


def entry(name: str, module: str) -> Iterator[str]:
    """The part of the page about one class."""
    node, docstring = definitions(module)[name]
    assert isinstance(node, ast.ClassDef)
    yield f"### {name}"
    kept = members(name, module)
    bases = [ast.unparse(base) for base in node.bases]
    begin = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    fault = any(one.name == "GdbError" for one, _ in lineage(name, module))
    heads = [signature(begin[0], name)] if begin and not fault else [f"class {name}({', '.join(bases)})"]
    yield f"```python\n{heads[0].replace('()', '')}\n```"
    yield prose(docstring)
    if not fault and name not in MEMBERS:
        yield from (prose(ast.get_docstring(one) or "") for one, _ in list(lineage(name, module))[1:])
    if begin and not fault:
        yield prose(ast.get_docstring(begin[0]) or "")
    groups = MEMBERS.get(name, {"": tuple(kept)})
    for title, names in groups.items():
        if names and title:
            yield f"**{title}**"
        yield "\n".join(item(one, *kept[one]) for one in names if not fault or kept[one][1])


def pages() -> Iterator[str]:
    names = public()
    yield HEAD.format(example=(EXAMPLES / "why_did_it_stop.py").read_text(encoding="utf-8"))
    for section in SECTIONS:
        yield f"## {section.title}"
        yield section.text
        for module in section.modules:
            rows = {name: row for name, row in definitions(module).items() if name in names[module]}
            small = {name: row for name, row in rows.items() if not isinstance(row[0], ast.ClassDef)}
            yield "\n".join(item(name, *row) for name, row in small.items())
            for name in [name for name in rows if name not in small]:
                yield from entry(name, module)
            del names[module]
    assert not names, f"give them a place in SECTIONS: {', '.join(names)}"


def api() -> str:
    """The page."""
    return "\n\n".join(part.strip("\n") for part in pages() if part.strip()) + "\n"
