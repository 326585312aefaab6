"""info idt, gdt, tss and cr on a real guest, against what its sources say."""

from __future__ import annotations

from frontend.demo_guest import DEMO_IMAGE
from tests.live.machine import dr6

LOOKS = ("info idt db", "info gdt", "info tss", "info cr")


def test_the_tables_of_the_demo_guest_are_its_own_in_32_and_in_64_bit_code() -> None:
    lines = ("hbreak ev_step32", "hbreak ev_step_nop", "continue", *LOOKS, "continue", *LOOKS)
    done = dr6("launch", str(DEMO_IMAGE), "--batch", *(word for line in lines for word in ("-ex", line)))
    assert done.code == 0, done.err
    said = done.out.splitlines()
    for line in (
        "   1 #DB        0040:0x1001f4 <db_handler32>  32-bit interrupt gate, DPL 3",
        "0048  32-bit TSS (busy), DPL 0  base 0x102098, limit 0x67",
        "TSS of TR 0048 at 0x102098 <tss_main>, limit 0x67",
        "CR0   0x11  PE ET",
        "   1 #DB        0008:0x100534 <db_handler>  64-bit interrupt gate, DPL 0",
        "0008  64-bit code, execute/read, accessed, DPL 0  base 0x0, limit 0xffffffff",
        "0030  64-bit TSS (busy), DPL 0  base 0x102168, limit 0x67",
        "  SP0   0x10c000 <interrupt_stack_top>",
        "EFER  0x501  SCE LME LMA",
    ):
        assert line in said
