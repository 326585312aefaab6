"""The callers at a caught event: first of all what it interrupted, by the exception frame."""

from __future__ import annotations

import subprocess
from pathlib import Path

from frontend.demo_guest import DEMO_IMAGE
from tests.live.machine import dr6

BOOT = """
        .code16
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x7000, %sp
        xor %bp, %bp
        movw $handler, 4
        mov %ax, 6
        int $1
        call inner
halt:   hlt
        jmp halt
inner:  int $1
        ret
handler: iret
        .org 510
        .word 0xaa55
"""


def frames(image: Path, *lines: str) -> list[str]:
    done = dr6("launch", str(image), "--batch", *(word for line in lines for word in ("-ex", line)))
    assert done.code == 0, done.err
    return [line for line in done.out.splitlines() if line.startswith(("#0  ", "#1  ", "#2  ", "No caller"))]


def test_32_and_64_bit_events_show_the_interrupted_code_and_its_caller() -> None:
    steps = ("hbreak ev_step32", "hbreak ev_step_nop", "continue", "catch db", "continue", "bt")
    assert frames(DEMO_IMAGE, *steps, *("continue",) * 3, "bt") == [
        "#0  0x00000000001001f4 <db_handler32>",
        "#1  0x00000000001001c5 <ev_step32_next>  (from the exception frame)",
        "#2  0x00000000001001b2 <event32_returned>  (top of the stack)",
        "#0  0x0000000000100534 <db_handler>",
        "#1  0x0000000000100914 <ev_step_nop_next>  (from the exception frame)",
        "#2  0x0000000000100452 <event_returned>  (top of the stack)",
    ]


def test_16_bit_events_do_too_and_no_caller_is_said_of_bp(tmp_path: Path) -> None:
    made, image = tmp_path / "boot.o", tmp_path / "boot.img"
    subprocess.run(["as", "--32", "-o", str(made)], input=BOOT.encode(), check=True)
    flags = ("-m", "elf_i386", "-Ttext=0x7c00", "-e", "0x7c00", "--oformat", "binary")
    subprocess.run(["ld", *flags, "-o", str(image), str(made)], check=True)
    steps = ("tbreak *0x7c00", "continue", "catch db", "continue", "bt", "up", "p $pc", "down", "continue", "bt 3")
    assert frames(image, *steps) == [
        "#0  0x0000000000007c1f",
        "#1  0x0000000000007c16  (from the exception frame)",
        "No caller of 0x7c16: BP is no frame pointer there, and nothing on the stack stands behind a call.",
        "#1  0x0000000000007c16  (from the exception frame)",
        "#0  0x0000000000007c1f",
        "#0  0x0000000000007c1f",
        "#1  0x0000000000007c1e  (from the exception frame)",
        "#2  0x0000000000007c19  (top of the stack)",
    ]
