"""The table of commands as Markdown: what ``docs/commands.md`` holds (``python -m frontend.commands.reference``)."""

from __future__ import annotations

from frontend.commands.dispatch import COMMANDS
from frontend.commands.info import SUBJECTS
from frontend.commands.table import GROUPS, Command

INTRODUCTION = """\
# Commands

The commands of the prompt, of `-ex` and of `-x`; gdb's names wherever gdb has one. A unique beginning of a name will
do, an empty line repeats, `#` begins a comment. Words of WinDbg (`g`, `ba`, `bp`, `u PLACE`, `dd`, …) run nothing; dr6
says what they are here. This page is made from the table in `frontend/commands`.
"""


def markdown() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for group, title in GROUPS.items():
        parts.append(f"\n## {title}\n")
        rows = sorted((row for row in COMMANDS if row.group == group), key=lambda row: row.name)
        parts += [_section(row) for row in rows]
    return "".join(parts)


def _section(row: Command) -> str:
    usage = f"{row.name}{'' if row.arguments.startswith('[/') else ' '}{row.arguments}".rstrip()
    lines = [f"\n### `{usage}`\n"]
    if row.short:
        lines.append(f"Also {', '.join(f'`{name}`' for name in row.short)}.")
    lines.append(row.help + (f" {row.details}" if row.details else ""))
    if row.name == "info":
        lines.append("")
        lines += [f"* `info {subject.name}`: {subject.help}" for subject in SUBJECTS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
