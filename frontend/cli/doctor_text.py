"""What `dr6 doctor` found, as text of 80 columns and as JSON. Pure functions of what was found."""

from __future__ import annotations

import os.path
import textwrap
from collections.abc import Iterable, Sequence

from frontend.clean import clean
from frontend.cli.installed import Installed, InstalledProgram
from gdbstub.doctor import Identity, Line, Result, TrustVerdict, lines, verdict

WIDTH = 80
MARKS = {"ok": "ok", "known": "known", "new": "NEW", "untested": "-"}
TITLE = 29
_LEFT = 2 + 6 + TITLE + 1


def installed_text(found: Installed) -> list[str]:
    """Two or three lines."""
    packages = ", ".join(f"{name} {number or 'missing'}" for name, number in found.packages)
    programs = ", ".join(_program(program) for program in found.programs)
    return [
        *_paragraph("tool", f"dr6 {found.dr6}, python {found.python}, {packages}"),
        *_paragraph("found", programs),
        *_paragraph("KVM", _kvm(found)),
    ]


def _program(program: InstalledProgram) -> str:
    if program.path is None:
        return f"no {clean(program.name)}"
    return f"{os.path.basename(program.name)} {program.version or '(says no version)'}"


def _kvm(found: Installed) -> str:
    kvm = found.kvm
    if not kvm.present:
        return "no /dev/kvm"
    modules = ", ".join(kvm.modules) or "no module that is known"
    return f"/dev/kvm is there and {'usable' if kvm.usable else 'not yours to use'}; {modules}"


def identity_text(found: Identity) -> list[str]:
    """What the stub is."""
    state, backend = found.state, found.backend
    who = " ".join(filter(None, (found.title, backend.version))) + (f", {backend.vendor} CPU" if backend.vendor else "")
    registers = ", ".join(f"{count} in {name or 'no feature'}" for name, count in found.registers)
    monitor = "yes" + (", shows the debug registers" if found.debug_registers else "") if found.monitor else "no"
    mode = f"{state.mode}-bit code" if state.shows_mode else "the CPU mode is not shown"
    stands = f"{mode}, CPL {_unknown(state.cpl)}, RIP {state.rip:#x}" + (", in HLT" if state.halted else "")
    rows = [
        ("target", clean(found.target)),
        ("stub", f"{who}; profile {backend.profile}"),
        ("offers", clean(found.offers) or "nothing (no answer to qSupported)"),
        ("vCont", " ".join(found.actions) or "none"),
        ("registers", clean(registers) + (f"; DR0-7 {'by the monitor' if found.debug_registers else 'not shown'}")),
        ("monitor", monitor),
        *([("step mask", f"{clean(found.step_bits)}, now {_hex(found.step_mask)}")] if found.step_bits else []),
        ("vCPUs", str(found.cpus)),
        ("? says", clean(found.reply) or "that the guest is gone"),
        ("guest", stands + ("; it waits to be started" if found.waits else "")),
        *(
            [("own DRs", f"DR7 {state.debug.dr7:#x}, DR6 {_hex(state.debug.dr6)}")]
            if state.debug.dr7 is not None
            else []
        ),
    ]
    return [line for name, text in rows for line in _paragraph(name, text)]


def _unknown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _hex(value: int | None) -> str:
    return "unknown" if value is None else f"{value:#x}"


def results_text(results: Sequence[Result]) -> list[str]:
    """A line for each test, by groups."""
    table = lines(results)
    text: list[str] = []
    for group in dict.fromkeys(line.group for line in table):
        rows = [line for line in table if line.group == group and line.status != "untested"]
        if rows:
            text += [group, *(one for line in rows for one in _row(line))]
    return text


def _row(line: Line) -> list[str]:
    tested = [result for result in line.results if result.status != "untested"]
    head = f"  {MARKS[line.status]:<6}{line.title:<{TITLE}} "
    return textwrap.wrap(head + _cell(tested), WIDTH, subsequent_indent=" " * _LEFT, break_on_hyphens=False)


def _cell(results: Sequence[Result]) -> str:
    """All outcomes of a line: once where they are the same, else by variant; then what follows, and what is known."""
    by_outcome: dict[str, list[Result]] = {}
    for result in results:
        by_outcome.setdefault(_outcome(result), []).append(result)
    parts = []
    for text, same in by_outcome.items():
        variants = ", ".join(result.probe.variant for result in same if result.probe.variant)
        parts.append(f"{text} ({variants})" if variants and (len(by_outcome) > 1 or _is_length(same)) else text)
    notes = dict.fromkeys(note for result in results for note in _notes(result))
    return " ".join(("; ".join(parts) + ("." if notes else ""), *notes))


def _is_length(results: Iterable[Result]) -> bool:
    return all(result.probe.group == "watchpoints" for result in results)


def _outcome(result: Result) -> str:
    text = clean(result.outcome or "")
    if result.measure:
        text += f" ({result.measure})"
    if result.status == "ok" or text.startswith(result.expected):
        return text
    by = "should be" if isinstance(result.probe.expects, str) else "the profile says"
    return f"{text}, {by}: {result.expected}"


def _notes(result: Result) -> list[str]:
    notes = [result.follows] if result.follows else []
    if result.known is not None:
        row = result.known
        notes.append(f"Known{f' quirk {row.quirk}' if row.quirk else ''}: {row.sentence} ({row.source}).")
    elif result.status == "new":
        notes.append("Not known of this platform.")
    return [*notes, result.why] if result.why else notes


def verdict_text(results: Sequence[Result]) -> list[str]:
    """What to trust, what not, and what was not tested."""
    found: TrustVerdict = verdict(results)
    text = [
        *_paragraph("Trust:", "; ".join(found.trust) or "nothing that was tested", 13),
        *_paragraph("Don't trust:", "; ".join(found.distrust) or "nothing to name", 13),
    ]
    for why, titles in found.untested:
        text += _paragraph("Not tested:", f"{'; '.join(titles)} ({why})", 13)
    return text


def _paragraph(name: str, text: str, indent: int = 11) -> list[str]:
    return textwrap.wrap(
        f"{name:<{indent - 1}} {text}", WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False
    ) or [name]


def as_json(
    tool: str,
    installed: Installed,
    target: Identity | None,
    results: Sequence[Result],
    problems: Sequence[str] | None,
) -> dict[str, object]:
    """The same as one object; docs/formats.md has the keys. ``problems`` is None where nothing was borrowed."""
    found = verdict(results)
    return {
        "schema": 1,
        "tool": tool,
        "installed": _installed_json(installed),
        "target": None if target is None else _identity_json(target),
        "tests": [_result_json(result) for result in results],
        "restored": None if problems is None else {"complete": not problems, "problems": list(problems)},
        "verdict": {
            "trust": list(found.trust),
            "distrust": list(found.distrust),
            "untested": [{"why": why, "tests": list(titles)} for why, titles in found.untested],
        },
    }


def _installed_json(found: Installed) -> dict[str, object]:
    return {
        "dr6": found.dr6,
        "python": found.python,
        "packages": dict(found.packages),
        "programs": {
            p.name: None if p.path is None else {"path": p.path, "version": p.version} for p in found.programs
        },
        "kvm": {"present": found.kvm.present, "usable": found.kvm.usable, "modules": list(found.kvm.modules)},
    }


def _identity_json(found: Identity) -> dict[str, object]:
    state, backend = found.state, found.backend
    return {
        "name": found.target,
        "backend": {
            "name": backend.name,
            "version": backend.version,
            "vendor": backend.vendor,
            "profile": backend.profile,
        },
        "offers": found.offers,
        "packet_size": found.packet_size,
        "vcont": list(found.actions),
        "registers": dict(found.registers),
        "debug_registers": found.debug_registers,
        "monitor": found.monitor,
        "sstepbits": found.step_bits,
        "sstep": None if found.step_mask is None else f"{found.step_mask:#x}",
        "cpus": found.cpus,
        "reply": found.reply,
        "waits_to_be_started": found.waits,
        "mode": state.mode if state.shows_mode else None,
        "cpl": state.cpl,
        "rip": f"{state.rip:#x}",
        "halted": state.halted,
    }


def _result_json(result: Result) -> dict[str, object]:
    probe, row = result.probe, result.known
    return {
        "name": probe.name,
        "group": probe.group,
        "title": probe.line,
        "variant": probe.variant or None,
        "assembly": probe.assembly,
        "code": probe.placed.hex(),
        "status": result.status,
        "outcome": result.outcome,
        "expected": result.expected or None,
        "source": probe.source,
        "known": None if row is None else {"quirk": row.quirk, "sentence": row.sentence, "source": row.source},
        "follows": result.follows or None,
        "measure": result.measure or None,
        "why": result.why or None,
    }
