"""`StopRecord`s → one list a column: what `rows.line` writes as JSON, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import Cause
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.schema import column_of

Value = object
"""What `arrow` takes for an element: int, str, None, a list, a dict."""


def columns_of(records: Sequence[StopRecord], definitions: Definitions) -> dict[str, list[Value]]:
    """The columns of ``rows`` for these records, each as long as they are."""
    columns = {name: [get(record) for record in records] for name, get in _GETTERS.items()}
    columns["insn"] = [
        None if (found := record.explanation.instruction) is None else definitions.of(found) for record in records
    ]
    shown = [{} if record.ended else record.state.registers for record in records]
    for name in dict.fromkeys(name for registers in shown for name in registers):
        columns[column_of(name)] = [registers.get(name) for registers in shown]
    return columns


def _pc(record: StopRecord) -> int | None:
    of_log = record.event is not None and record.event.handler is None
    return None if record.ended or of_log else record.state.pc


def _cause(cause: Cause) -> dict[str, Value]:
    return {
        "cause": cause.cause,
        "owner": cause.owner,
        "class": cause.klass,
        "confidence": cause.confidence,
        "because": list(cause.because),
    }


def _frame(record: StopRecord) -> dict[str, int | None] | None:
    frame = None if record.event is None else record.event.frame
    return None if frame is None else frame._asdict()


_GETTERS: dict[str, Callable[[StopRecord], Value]] = {
    "n": lambda record: record.number,
    "kind": lambda record: "stop" if record.event is None else "event",
    "pc": _pc,
    "mode": lambda record: record.state.mode,
    "dr0": lambda record: record.state.debug.dr0,
    "dr1": lambda record: record.state.debug.dr1,
    "dr2": lambda record: record.state.debug.dr2,
    "dr3": lambda record: record.state.debug.dr3,
    "dr6": lambda record: record.state.debug.dr6,
    "dr7": lambda record: record.state.debug.dr7,
    "dr_source": lambda record: record.state.debug.source,
    "action": lambda record: record.action.value,
    "reply": lambda record: record.stop.raw,
    "retried": lambda record: record.retried or None,
    "exit_dr6": lambda record: record.explanation.exit_dr6.value,
    "exit_dr6_provenance": lambda record: record.explanation.exit_dr6.provenance,
    "causes": lambda record: list(map(_cause, record.explanation.causes)),
    "contradictions": lambda record: list(record.explanation.contradictions),
    "unknowns": lambda record: list(record.explanation.unknowns),
    "summary": lambda record: record.explanation.summary,
    "vector": lambda record: None if record.event is None else record.event.vector,
    "handler": lambda record: None if record.event is None else record.event.handler,
    "frame": _frame,
    "seen_by": lambda record: None if record.event is None else record.event.seen_by,
}
