"""Task states as they lie in memory: SDM vol. 3A figures 7-2, 7-3 and 7-10."""

from __future__ import annotations

import pytest

from gdbstub.x86.task_state import TaskDescriptor, TaskState, parse_task_descriptor, parse_task_state

WIDE = b"".join(n.to_bytes(4, "little") for n in range(26))
NARROW = b"".join((0x100 + n).to_bytes(2, "little") for n in range(22))


@pytest.mark.parametrize(
    ("data", "descriptor"),
    [
        ("67000020108b0080", TaskDescriptor(0x80102000, 32)),
        ("6700002010890000", TaskDescriptor(0x00102000, 32)),
        ("2b00002010810000", TaskDescriptor(0x00102000, 16)),
        ("2b00002010830000", TaskDescriptor(0x00102000, 16)),
        ("67000020100b0080", None),  # not present
        ("ffff0000009bcf00", None),  # a code segment
        ("6700002010820000", None),  # an LDT
        ("670000", None),
    ],
)
def test_a_descriptor_of_a_task_says_where_and_how_wide(data: str, descriptor: TaskDescriptor | None) -> None:
    assert parse_task_descriptor(bytes.fromhex(data)) == descriptor


def test_both_widths_have_their_fields_at_their_places() -> None:
    assert parse_task_state(WIDE, TaskDescriptor(0x5000, 32)) == TaskState(0, 8, 9, 14, 19, 20, (0x5020, 4))
    assert parse_task_state(NARROW, TaskDescriptor(0x5000, 16)) == TaskState(
        0x100, 0x107, 0x108, 0x10D, 0x112, 0x113, (0x500E, 2)
    )
    assert parse_task_state(WIDE[:-1], TaskDescriptor(0x5000, 32)) is None
