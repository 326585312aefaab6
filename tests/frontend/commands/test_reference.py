"""The page of commands is made from the table, all of it."""

from __future__ import annotations

from frontend.commands import COMMANDS, GROUPS, SUBJECTS
from frontend.commands.reference import markdown


def test_every_command_group_and_subject_has_its_place() -> None:
    page = markdown()
    for row in COMMANDS:
        assert f"\n### `{row.name}" in page
        assert row.help in page
    for title in GROUPS.values():
        assert page.count(f"\n## {title}\n") == 1
    for subject in SUBJECTS:
        assert f"* `info {subject.name}`: {subject.help}" in page


def test_a_section_is_usage_other_names_and_meaning() -> None:
    assert "\n### `x[/NFU] [ADDRESS]`\n\nExamine memory: " in markdown()
    assert "\n### `finish`\n\nAlso `fin`.\nRun until the current function or handler returns. " in markdown()
