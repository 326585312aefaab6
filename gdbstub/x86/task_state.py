"""Hardware tasks: task gates, TSS descriptors, and the state that a task switch saves. SDM vol. 3A 7.2."""

from __future__ import annotations

from typing import NamedTuple

TASK_GATE = 5
"""The type of an IDT gate that switches tasks."""
_TYPES = {1: 16, 3: 16, 9: 32, 11: 32}
"""Descriptor types of a TSS, available and busy, and its width: SDM vol. 3A table 3-2."""


class TaskDescriptor(NamedTuple):
    """Where a TSS lies; ``width`` is 16 or 32."""

    base: int
    width: int

    @property
    def size(self) -> int:
        """Bytes of its fixed part."""
        return 104 if self.width == 32 else 44


class TaskState(NamedTuple):
    """What a task switch saves of the task that is left. ``previous`` is the selector of the task that this one
    interrupted; ``eip_place`` where EIP lies (linear address, bytes)."""

    previous: int
    eip: int
    eflags: int
    esp: int
    cs: int
    ss: int
    eip_place: tuple[int, int]


def parse_task_descriptor(data: bytes) -> TaskDescriptor | None:
    """A descriptor of the GDT (8 bytes); None where it is no TSS, or not present."""
    if len(data) < 8 or data[5] & 0x90 != 0x80 or data[5] & 0xF not in _TYPES:
        return None
    return TaskDescriptor(int.from_bytes(data[2:5], "little") | data[7] << 24, _TYPES[data[5] & 0xF])


def parse_task_state(data: bytes, where: TaskDescriptor) -> TaskState | None:
    """The fixed part of a TSS, SDM vol. 3A figures 7-2 and 7-10; None where ``data`` is too short."""
    if len(data) < where.size:
        return None
    wide = where.width // 8

    def field(offset: int, size: int = wide) -> int:
        return int.from_bytes(data[offset : offset + size], "little")

    if where.width == 32:
        return TaskState(
            field(0, 2), field(0x20), field(0x24), field(0x38), field(0x4C, 2), field(0x50, 2), (where.base + 0x20, 4)
        )
    return TaskState(field(0), field(0xE), field(0x10), field(0x1A), field(0x24), field(0x26), (where.base + 0xE, 2))
