"""x, print, set, display, find, printf: memory and values as gdb shows them."""

from __future__ import annotations

import pytest

from frontend.commands.table import CommandError
from gdbstub.errors import GdbError
from gdbstub.x86.cpu_state import DebugState
from tests.frontend.terminal import Terminal


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x/2xw 0x1000", "0x1000 <start>:\t0xc0ff4890\t0x00000be8"),
        ("x /3xb start", "0x1000 <start>:\t0x90\t0x48\t0xff"),
        ("x/3xb start", "0x1000 <start>:\t0x90\t0x48\t0xff"),
        ("x/xg start+1", "0x1001 <start+1>:\t0x0000000be8c0ff48"),
        ("x/2dh 0x1000", "0x1000 <start>:\t18576\t-16129"),
        ("x/uw 0x1000", "0x1000 <start>:\t3237955728"),
        ("x/2c 0x1000", "0x1000 <start>:\t-112 '\\220'\t72 'H'"),
        ("x/tb 0x1000", "0x1000 <start>:\t10010000"),
        ("x/-1xw 0x1004", "0x1000 <start>:\t0xc0ff4890"),
        ("x/s 0x1001", '0x1001 <start+1>:\t"H\\377\\300\\350\\v"'),
        ("x/i $pc", "=> 0x1000 <start>:\tnop"),
        ("x/2i 0x1001", "   0x1001 <start+1>:\tinc rax\n   0x1004 <start+4>:\tcall 0x1014"),
        ("x", "0x1000 <start>:\t0xc0ff4890"),
        ("x/2xw 0x9ffc", "0x9ffc:\t0x00000000\nCannot access memory at address 0xa000."),
    ],
)
async def test_x_shows_memory(terminal: Terminal, line: str, text: str) -> None:
    assert await terminal.run(line) == text


async def test_x_goes_on_where_it_ended(terminal: Terminal) -> None:
    await terminal.run("x/2xb 0x1000")
    assert await terminal.run("") == "0x1002 <start+2>:\t0xff"
    assert await terminal.run("x/i") == "   0x1003 <start+3>:\tshr al, 0xb"
    assert await terminal.run("p $_", "p/x $__") == "$1 = 0x1002 <start+2>\n$2 = 0xff"


async def test_an_a_format_names_what_words_point_at(terminal: Terminal) -> None:
    await terminal.run("set {long}0x5000 = function + 1")
    assert await terminal.run("x/a 0x5000") == "0x5000:\t0x1015 <function+1>"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("p 2 + 3", "$1 = 5"),
        ("print/x 255", "$1 = 0xff"),
        ("p /x 255", "$1 = 0xff"),
        ("p/t 5", "$1 = 101"),
        ("p/c 65", "$1 = 65 'A'"),
        ("p/d -1", "$1 = -1"),
        ("p/u -1", "$1 = 18446744073709551615"),
        ("p/a 0x1015", "$1 = 0x1015 <function+1>"),
        ("p/z 5", "$1 = 0x00000005"),
        ("p function", "$1 = 0x1014 <function>"),
        ("p $rip", "$1 = 0x1000 <start>"),
        ("p $eflags", "$1 = [ ]"),
        ("p $dr6", "$1 = 0xffff0ff0"),
        ("p *(u16*)start", "$1 = 18576"),
        ("p $", "$1 = 0"),
        ("output/x 16", "0x10"),
        ("p/x *(u8*)$pc", "$1 = 0x90"),
    ],
)
async def test_print_shows_values(terminal: Terminal, line: str, text: str) -> None:
    assert await terminal.run(line) == text


async def test_printed_values_are_remembered(terminal: Terminal) -> None:
    assert await terminal.run("p 5", "p 7", "p $1 + $2", "p $", "p $$", "p $$2") == "\n".join(
        ("$1 = 5", "$2 = 7", "$3 = 12", "$4 = 12", "$5 = 12", "$6 = 12")
    )
    with pytest.raises(GdbError, match=r"The history has no value \$99; it has 6\."):
        await terminal.run("p $99")


async def test_set_changes_registers_their_parts_and_variables(terminal: Terminal) -> None:
    await terminal.run("set $rax = 0x1234", "set $al = 0xff", "set $rcx = $rax + 1", "set $mine = 5", "set $mine += 2")
    assert terminal.fake.registers["rax"] == 0x12FF
    assert terminal.fake.registers["rcx"] == 0x1300
    assert await terminal.run("p $mine") == "$1 = 7"
    await terminal.run("set var $rip = function", "set $rax <<= 4", "set $rax |= 1", "set $rbx = 1 == 1")
    assert terminal.fake.registers["rip"] == 0x1014
    assert terminal.fake.registers["rax"] == 0x12FF1
    assert terminal.fake.registers["rbx"] == 1


async def test_set_changes_memory_by_its_type(terminal: Terminal) -> None:
    await terminal.run("set {u16}0x5000 = 0x1234", "set *(u8*)0x5002 = 0x156", "set *0x5008 = -1")
    assert await terminal.run("x/4xb 0x5000", "x/2xg 0x5008") == (
        "0x5000:\t0x34\t0x12\t0x56\t0x00\n0x5008:\t0xffffffffffffffff\t0x0000000000000000"
    )


async def test_settings_that_gdb_scripts_begin_with_do_no_harm(terminal: Terminal) -> None:
    assert await terminal.run("set pagination off", "set architecture i386:x86-64", "set confirm off") == ""
    assert await terminal.run("set width 0", "set disassembly-flavor intel", "set osabi none") == ""


BIOS = bytes.fromhex("90 ea 5be0 00f0 e8 0000 0000")
NO_MODE = "depends on the CPU mode, which this stub does not show; set architecture i8086, i386 or i386:x86-64 says it."


def bare() -> Terminal:
    """A stub that shows no control registers."""
    terminal = Terminal(BIOS)
    terminal.fake.registers = {k: v for k, v in terminal.fake.registers.items() if k[:2] != "cr" and k != "efer"}
    terminal.fake.debug = DebugState()
    return terminal


async def test_code_is_shown_as_far_as_every_mode_reads_it_where_the_mode_is_not_known() -> None:
    terminal = bare()
    alike = f"=> 0x1000:\tnop\nHow the code at 0x1001 reads {NO_MODE}"
    assert await terminal.run("x/3i $pc") == alike
    assert await terminal.run("x/1i $pc") == "=> 0x1000:\tnop"
    dump = f"Dump of assembler code from 0x1000 on:\n{alike}\nEnd of assembler dump."
    assert await terminal.run("disassemble") == dump
    assert await terminal.run("disassemble 0x1000,+1") == dump.replace(alike, "=> 0x1000:\tnop")
    assert await terminal.run("x/i 0x1001") == f"How the code at 0x1001 reads {NO_MODE}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("i8086", "ljmp 0xf000:0xe05b"),
        ("i386", "ljmp 0xe8:0xf000e05b"),
        ("i386:x86-64", "(bad)"),
        ("i386:x86-64:intel", "(bad)"),
    ],
)
async def test_the_user_says_how_code_reads(name: str, text: str) -> None:
    for terminal in (bare(), Terminal(BIOS)):
        await terminal.run(f"set architecture {name}")
        shown = (await terminal.run("x/2i 0x1000")).splitlines()[1].partition("\t")[2]
        assert shown == text
        await terminal.run("set architecture auto")
    assert "(bad)" in await terminal.run("x/2i 0x1000"), "the CPU is in 64-bit mode"


async def test_nexti_takes_nothing_for_a_call_while_the_mode_is_not_known() -> None:
    terminal = bare()
    await terminal.run("nexti")
    assert terminal.fake.registers["rip"] == 0x1001
    terminal.fake.registers["rip"] = 0x1006
    with pytest.raises(CommandError, match="set architecture"):
        await terminal.run("nexti")
    terminal.fake.memory[6:9] = bytes.fromhex("48ffc0")
    await terminal.run("nexti")
    assert terminal.fake.registers["rip"] == 0x1009, "no mode reads it as a call"


@pytest.mark.parametrize(
    "line", ["logging on", "logging file x", "disassembly-flavor att", "architecture arm", "width 80"]
)
async def test_a_setting_that_dr6_does_not_have_is_refused_in_a_sentence(terminal: Terminal, line: str) -> None:
    with pytest.raises(CommandError, match=r"^[A-Z].*\.$"):
        await terminal.run(f"set {line}")


async def test_how_many_stops_are_kept_is_a_setting(terminal: Terminal) -> None:
    await terminal.run("set history size 50")
    assert terminal.fake.stops_kept == 50
    for line in ("history size 0", "history size x", "history size", "history save on"):
        with pytest.raises(CommandError, match=r"\.$"):
            await terminal.run(f"set {line}")


async def test_displays_are_shown_after_each_stop(terminal: Terminal) -> None:
    assert await terminal.run("display/i $pc", "display/x $rax", "display $rcx") == (
        "1: x/i $pc\n=> 0x1000 <start>:\tnop\n2: /x $rax = 0x0\n3: $rcx = 0"
    )
    assert (await terminal.run("si 2")).splitlines()[-4:] == [
        "1: x/i $pc",
        "=> 0x1004 <start+4>:\tcall 0x1014",
        "2: /x $rax = 0x1",
        "3: $rcx = 0",
    ]
    await terminal.run("undisplay 1", "disable display 2", "delete display 3")
    assert await terminal.run("info display", "display") == "2:   n  /x $rax"
    await terminal.run("undisplay")
    assert await terminal.run("info display") == "There are no auto-display expressions now."


async def test_a_display_that_cannot_be_shown_says_so_and_stays(terminal: Terminal) -> None:
    await terminal.run("display *(int*)$rdi", "set $rdi = 0")
    assert await terminal.run("display") == ("1: *(int*)$rdi = <Cannot access memory at address 0x0.>")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("find 0x1000, +0x20, (char)0x55, (char)0x48", "0x1014 <function>\n1 pattern found."),
        ("find/b 0x1000, 0x101f, 0x48, 0xff", "0x1001 <start+1>\n0x1018 <function+4>\n2 patterns found."),
        ("find/1b 0x1000, 0x101f, 0x48, 0xff", "0x1001 <start+1>\n1 pattern found."),
        ('find 0x1000, +32, "UH"', "0x1014 <function>\n1 pattern found."),
        ("find 0x1000, +4, 7", "Pattern not found."),
    ],
)
async def test_find_searches_memory(terminal: Terminal, line: str, text: str) -> None:
    assert await terminal.run(line) == text


async def test_find_sees_what_lies_across_two_pieces(terminal: Terminal) -> None:
    terminal.fake.memory[:] = bytes(len(terminal.fake.memory))
    terminal.fake.memory[0x7FFF:0x8001] = b"ab"
    assert await terminal.run('find 0x1000, +0x9000, "ab"') == "0x8fff\n1 pattern found."


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (r'printf "%d %u %x %#x|%5d|%-5d|%05d\n", -1, 1, 255, 255, 7, 7, 7', "-1 1 ff 0xff|    7|7    |00007"),
        (r'printf "%lx %hhx %c %p %%\n", -1, 0x1ff, 65, 16', "ffffffffffffffff ff A 0x10 %"),
        (r'printf "a\nb\n"', "a\nb"),
        (r"echo one\ntwo\n", "one\ntwo"),
        (r"echo \033[2J", r"\x1b[2J"),
    ],
)
async def test_printf_and_echo(terminal: Terminal, line: str, text: str) -> None:
    assert await terminal.run(line) == text


async def test_printf_reads_strings_of_the_guest_safely(terminal: Terminal) -> None:
    await terminal.fake.write_memory(0x5000, b"hi\x1b[2J\0")
    assert await terminal.run(r'printf "%s|\n", 0x5000') == r"hi\x1b[2J|"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x 0", "Cannot access memory at address 0x0."),
        ("x/i 0", "Cannot access memory at address 0x0."),
        ("x/99999999xb 0x1000", "/99999999xb is no format; write a count, a format letter and a unit, as in /4xg."),
        ("x/y 0x1000", "'y' is no format (x d u o t a c f s z i) and no unit (b h w g)."),
        ("x/-1i 0x1000", "x86 code cannot be read backwards; give an address before it."),
        ("p/4x 1", "print takes only a format letter, as in print/x; use x for counts and units."),
        ("p/i 1", "The format /i does not fit here."),
        ("p", None),
        ("set $rax", "set needs an assignment: set $rax = 1, set {u32}0x1000 = 2, set $mine = 3."),
        ("set 5 = 1", "5 is no place: write $register, *(type*)ADDRESS or {type}ADDRESS."),
        ("set $1 = 1", "$1 is a value of the history and cannot be set."),
        ("set $dr7 = 1", "The stub has no register dr7."),
        ("set {int}0 = 1", "Cannot access memory at address 0x0."),
        ("find 0x1000", "find needs a start, an end (or +length) and at least one value."),
        ("find 0x1000, +0, 1", "find looks through 1 byte to 1 GiB; check the range."),
        ("find 0x9ff0, +64, 1", "Cannot access memory at address 0xa000."),
        ("printf 5", 'printf needs a format in double quotes, as in printf "%x\\n", $rax.'),
        ('printf "%d"', "printf has fewer values than its format asks for."),
        ('printf "x", 1', "printf has more values than its format asks for."),
        ("undisplay 9", "There is no display 9."),
        ("display nope", "No symbol 'nope' is known; load one with --symbols FILE."),
    ],
)
async def test_what_cannot_be_shown_is_one_sentence(terminal: Terminal, line: str, says: str | None) -> None:
    if says is None:
        assert await terminal.run(line) == "$1 = 0"
        return
    with pytest.raises(GdbError) as caught:
        await terminal.run(line)
    assert str(caught.value) == says
