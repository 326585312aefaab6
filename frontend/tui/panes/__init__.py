"""The panes: name → title, key, and ``render(view, width, height)``; all pure functions of the view."""

from __future__ import annotations

from frontend.commands.memory_view import PAGES, TABLES
from frontend.tui.panes import (
    breakpoints,
    cpus,
    debug_registers,
    disassembly,
    explanation,
    help,
    history,
    log,
    lookups,
    memory,
    registers,
    sheet,
    source,
    stack,
    watch,
)
from frontend.tui.panes.frame import key_bar, question_line, status, title, tour_lines
from frontend.tui.panes.pane import Pane
from frontend.tui.panes.text import Fragment, Line, Page, pad, text_of
from frontend.tui.view import MESSAGES, OUTPUT

__all__ = [
    "HELP",
    "PANES",
    "SHEET",
    "Fragment",
    "Line",
    "Page",
    "Pane",
    "key_bar",
    "pad",
    "question_line",
    "sheet_size",
    "sheet_title",
    "status",
    "text_of",
    "title",
    "tour_lines",
]


_ALL = (
    Pane(disassembly.NAME, "code", "1", disassembly.render, disassembly.note),
    Pane(registers.NAME, "registers", "2", registers.render, registers.note),
    Pane(debug_registers.NAME, "debug regs", "3", debug_registers.render, debug_registers.note),
    Pane(explanation.NAME, "why", "4", explanation.render, explanation.note),
    Pane(history.NAME, "stops", "5", history.render, history.note),
    Pane(stack.NAME, "stack", "6", stack.render, stack.note),
    Pane(breakpoints.NAME, "breakpoints", "7", breakpoints.render, breakpoints.note),
    Pane(MESSAGES, "messages", "8", log.render_messages, log.note),
    Pane(OUTPUT, "guest output", "9", log.render_output, log.note),
    Pane(memory.NAME, "memory", "0", memory.render, memory.note),
    Pane(watch.NAME, "watch", "w", watch.render, watch.note),
    Pane(cpus.NAME, "vCPUs", "p", cpus.render, cpus.note),
    Pane(TABLES, "IDT, GDT", "t", lookups.render_tables, lookups.note),
    Pane(PAGES, "page walk", "a", lookups.render_pages, lookups.note_pages),
    Pane(source.NAME, "source", "l", source.render, source.note),
)
PANES: dict[str, Pane] = {pane.name: pane for pane in _ALL}
SHEET = Pane(sheet.NAME, "answer", "", sheet.render, sheet.note)
sheet_size = sheet.size
sheet_title = sheet.title
HELP = Pane(help.NAME, "help", "?", help.render, help.note)
