"""info, dr, thread, disassemble, backtrace, translate: what the guest is and where."""

from __future__ import annotations

import pytest

from gdbstub.errors import GdbError
from gdbstub.remote.capabilities import Capabilities
from gdbstub.x86.cpu_state import DebugState
from tests.frontend.programs import CALLER
from tests.frontend.terminal import Terminal


async def test_info_registers_is_gdbs_table(terminal: Terminal) -> None:
    terminal.fake.registers |= {"rax": 0xFFFF_FFFF_FFFF_FFFF, "rflags": 0x246}
    assert await terminal.run("info registers rax rip eflags cs cr0 eax") == "\n".join(
        (
            "rax            0xffffffffffffffff -1",
            "rip            0x1000             0x1000 <start>",
            "eflags         0x246              [ PF ZF IF ]",
            "cs             0x8                8",
            "cr0            0x80000011         2147483665",
            "eax            0xffffffff         4294967295",
        )
    )
    assert len((await terminal.run("i r")).splitlines()) == len(terminal.fake.registers)


async def test_dr_shows_every_cause_and_what_is_enabled(terminal: Terminal) -> None:
    terminal.fake.debug = DebugState(0x1014, 0x4000, 0, 0, 0xFFFF4FF1, 0x000D0409, "monitor")
    text = await terminal.run("dr")
    assert text == await terminal.run("info dr")
    lines = text.splitlines()
    assert lines[0] == "The guest's own debug registers, read by monitor:"
    assert lines[5:7] == ["DR6  0xffff4ff1", "  * B0       bit 0      1  the condition of DR0 was met"]
    assert "  * BS       bit 14     1  single step: TF was set" in lines
    assert "    BT       bit 15     0  task switch to a TSS whose T flag is set" in lines
    assert "DR7  0xd0409" in lines


async def test_slots_say_type_length_and_who_enabled_them(terminal: Terminal) -> None:
    """DR7 D0002h: slot 0 global, R/W 01, LEN 11; slot 1 is local and for instructions in 4 + 2."""
    terminal.fake.debug = DebugState(0x4000, 0x1014, None, 0, 0xFFFF0FF0, 0x000D0406, "monitor")
    lines = (await terminal.run("dr")).splitlines()
    assert lines[1:5] == [
        "DR0  0x4000 <counter>  write, 4 bytes, enabled globally",
        "DR1  0x1014 <function>  execute, 1 byte, enabled locally",
        "DR2  unknown  off",
        "DR3  0x0  off",
    ]


async def test_a_slot_that_is_undefined_or_masked_says_so(terminal: Terminal) -> None:
    """DR7: slot 0 is for instructions with LEN 11, slot 1 watches 4 bytes at an address that is no multiple of 4."""
    terminal.fake.debug = DebugState(0x4000, 0x5002, 0, 0, 0xFFFF0FF0, 0x00FC0405, "monitor")
    lines = (await terminal.run("dr")).splitlines()
    assert lines[1].endswith("execute, 4 bytes, enabled locally; undefined: LEN has to be 00 for instructions")
    assert lines[2].endswith("enabled locally; its low bits are ignored, so it covers the bytes from 0x5000 on")


async def test_debug_registers_that_nobody_shows_are_called_so(terminal: Terminal) -> None:
    terminal.fake.debug = DebugState()
    assert await terminal.run("dr") == "The debug registers are unknown: this stub does not show the debug registers."
    terminal.fake.debug = DebugState(1, 2, 3, 4, None, 6, "xenctx")
    assert "DR6  unknown" in await terminal.run("dr")


async def test_info_target_says_what_can_be_done(terminal: Terminal) -> None:
    terminal.fake.capabilities = Capabilities(monitor=True, read_watchpoints=False, hardware_slots=None)
    assert await terminal.run("info target") == "\n".join(
        (
            "Target: tcp:127.0.0.1:1234",
            "Backend: qemu-tcg 7.2.22, profile qemu-tcg, CPU vendor amd",
            "Guest: stopped, 1 CPU, CPU 0 selected",
            "Hardware breakpoints: any number; watch lengths: 1, 2, 4, 8",
            "  yes  software breakpoints",
            "  no   read watchpoints",
            "  yes  monitor commands",
            "  yes  interrupting a running guest",
            "  no   debug registers",
            "While a hardware breakpoint of ours is armed, the guest's own debug registers do not work.",
        )
    )


async def test_threads_count_from_one_and_cpus_from_zero() -> None:
    terminal = Terminal(CALLER, cpus=2)
    assert await terminal.run("info threads") == "\n".join(
        (
            "  Id   CPU    State      Where",
            "* 1    CPU#0  stopped    0x1000",
            "  2    CPU#1  stopped    0x1000",
        )
    )
    assert await terminal.run("thread 2") == "[Current thread is 2 (CPU#1), at 0x1000]"
    assert await terminal.run("cpu 0") == "[Current thread is 1 (CPU#0), at 0x1000]"
    with pytest.raises(GdbError, match=r"There is no CPU 2 \(thread 3\); the CPUs are 0, 1\."):
        await terminal.run("thread 3")


async def test_info_symbol_names_an_address(terminal: Terminal) -> None:
    assert await terminal.run("info symbol 0x1015", "i s function", "i s 0x8000") == (
        "function + 1\nfunction\nNo symbol matches 0x8000."
    )


async def test_info_files_lists_where_names_come_from(terminal: Terminal) -> None:
    first, second = (await terminal.run("info files")).splitlines()
    assert first.endswith("caller.elf.")
    assert second == "\t0x0000000000001000 - 0x0000000000004010 code"
    assert await Terminal().run("info files") == "No symbols are loaded."


async def test_disassemble_shows_the_function_around_an_address(terminal: Terminal) -> None:
    assert await terminal.run("disassemble 0x1018") == "\n".join(
        (
            "Dump of assembler code for function function:",
            "   0x1014 <+0>:\tpush rbp",
            "   0x1015 <+1>:\tmov rbp, rsp",
            "   0x1018 <+4>:\tinc rax",
            "   0x101b <+7>:\tpop rbp",
            "   0x101c <+8>:\tret",
            "End of assembler dump.",
        )
    )


async def test_disassemble_takes_a_range_and_shows_bytes(terminal: Terminal) -> None:
    assert await terminal.run("disas/r 0x1000,+4") == await terminal.run("disassemble/r 0x1000,0x1004")
    assert terminal.lines == [
        "Dump of assembler code from 0x1000 on:",
        "=> 0x1000 <start>:\t90\tnop",
        "   0x1001 <start+1>:\t48 ff c0\tinc rax",
        "End of assembler dump.",
    ]


async def test_backtrace_says_how_it_knows(terminal: Terminal) -> None:
    await terminal.run("si 2", "set $rbp = 0", "si 3")
    assert await terminal.run("bt") == "\n".join(
        (
            "#0  0x0000000000001018 <function+4>",
            "#1  0x0000000000001009 <start+9>  (frame pointer)",
            "By saved frame pointers; a function that keeps none is missing here.",
        )
    )


async def test_backtrace_of_a_chain_that_bites_its_tail_ends(terminal: Terminal) -> None:
    await terminal.run("set {long}0x5000 = 0x5000", "set {long}0x5008 = 0x1009", "set $rbp = 0x5000")
    assert len((await terminal.run("bt")).splitlines()) == 3


def paging(terminal: Terminal, cr4: int, words: dict[int, int]) -> None:
    terminal.fake.registers |= {"cr3": 0x1000, "cr4": cr4, "efer": 0x500}
    for address, word in words.items():
        terminal.fake.monitor_answers[f"xp/1xg {address:#x}"] = f"{address:016x}: 0x{word:016x}\r\n"


async def test_translate_walks_the_tables_and_compares(terminal: Terminal) -> None:
    paging(terminal, 0x20, {0x1000: 0x2023, 0x2000: 0x3023, 0x3000: 0xE3})
    terminal.fake.monitor_answers["gva2gpa 0x1014"] = "gpa: 0x1014\r\n"
    assert await terminal.run("translate function") == "\n".join(
        (
            "0x1014 <function>: 4-level paging, CR3 0x1000",
            "  PML4E[0] at 0x1000 = 0x2023: 0x2000 W S A",
            "  PDPTE[0] at 0x2000 = 0x3023: 0x3000 W S A",
            "  PDE[0] at 0x3000 = 0xe3: 0x0 W S A D large page",
            "physical 0x1014, in a 2 MiB page",
            "QEMU's gva2gpa agrees.",
        )
    )


async def test_translate_shows_where_qemu_says_something_else(terminal: Terminal) -> None:
    paging(terminal, 0x20, {0x1000: 0})
    terminal.fake.monitor_answers["gva2gpa 0x1014"] = "gpa: 0x5000\r\n"
    assert (await terminal.run("translate 0x1014")).splitlines()[-3:] == [
        "  PML4E[0] at 0x1000 = 0x0: not present",
        "not mapped: the PML4E is not present",
        "contradiction: QEMU's gva2gpa says 0x5000.",
    ]
    terminal.fake.monitor_answers["gva2gpa 0x1014"] = "Unmapped\r\n"
    assert (await terminal.run("translate 0x1014")).splitlines()[-1] == "QEMU's gva2gpa agrees."


async def test_translate_without_physical_memory_is_one_sentence(terminal: Terminal) -> None:
    paging(terminal, 0x20, {})
    terminal.fake.monitor_answers["xp/1xg 0x1000"] = "Cannot access memory\x1b[2J\r\n"
    with pytest.raises(GdbError, match=r"The monitor cannot read physical memory at 0x1000: Cannot access memory\\x1b"):
        await terminal.run("translate 0")
    terminal.fake.capabilities = Capabilities(monitor=False)
    with pytest.raises(GdbError, match="through QEMU's monitor, and this stub has none"):
        await terminal.run("translate 0")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("info registers nope", "This target shows no register nope."),
        (
            "info nope",
            "info nope is unknown; there are: registers, breakpoints, threads, dr, idt, gdt, tss, cr, target, "
            "symbol, display, files, line, locals, args, scope, functions, address, source, tasks, modules, linux.",
        ),
        ("info symbol", "info symbol needs an address."),
        (
            "info line 5",
            "That needs debug information (DWARF), and no file has any: load one with --symbols FILE, for a kernel "
            "vmlinux.",
        ),
        ("info line main.c:5", "main.c:5 needs a file with debug information."),
        ("info address nothing", 'No symbol "nothing" in current context.'),
        ("info functions (", "( is no regular expression: missing ), unterminated subpattern at position 0."),
        ("disassemble/q 1", "disassemble knows /r (the bytes), not /q."),
        ("disassemble 1,2,3", "disassemble takes one address, or START,END, or START,+LENGTH."),
        ("disassemble 5,5", "The range has to have 1 to 65536 bytes."),
        ("disassemble 0", "Cannot access memory at address 0x0."),
        ("bt x", "'x' is no number of frames."),
        ("thread x", "'x' is no thread number."),
        ("info b x", "'x' is no breakpoint number."),
    ],
)
async def test_what_cannot_be_told_is_one_sentence(terminal: Terminal, line: str, says: str) -> None:
    with pytest.raises(GdbError) as caught:
        await terminal.run(line)
    assert str(caught.value) == says
