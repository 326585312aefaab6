"""Breakpoints, watchpoints and catches: set, listed, counted, conditioned, deleted."""

from __future__ import annotations

import pytest

from frontend.commands import CommandError, parse_break, parse_vectors, parse_watch
from gdbstub.errors import BadExpression, GdbError
from tests.frontend.terminal import Terminal


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("break function", "Breakpoint 1 at 0x1014 <function>"),
        ("b *0x1014", "Breakpoint 1 at 0x1014 <function>"),
        ("b function+4", "Breakpoint 1 at 0x1018 <function+4>"),
        ("b $pc + 1", "Breakpoint 1 at 0x1001 <start+1>"),
        ("b", "Breakpoint 1 at 0x1000 <start>"),
        ("b hw:function", "Breakpoint 1 at 0x1014 <function> (hardware)"),
        ("b sw:0x2000", "Breakpoint 1 at 0x2000 (software)"),
        ("hb function", "Breakpoint 1 at 0x1014 <function> (hardware)"),
        ("tb function", "Temporary breakpoint 1 at 0x1014 <function>"),
        ("thb function", "Temporary breakpoint 1 at 0x1014 <function> (hardware)"),
        ("b function if $rax == 3", "Breakpoint 1 at 0x1014 <function>"),
        ("b if $rax", "Breakpoint 1 at 0x1000 <start>"),
        ("watch *(int*)0x4000", "Watchpoint 1 at 0x4000 <counter>, 4 bytes"),
        ("watch {u16}counter", "Watchpoint 1 at 0x4000 <counter>, 2 bytes"),
        ("watch counter", "Watchpoint 1 at 0x4000 <counter>, 4 bytes"),
        ("watch -l counter/8", "Watchpoint 1 at 0x4000 <counter>, 8 bytes"),
        ("watch 0x5001", "Watchpoint 1 at 0x5001, 1 byte"),
        ("watch 0x5002", "Watchpoint 1 at 0x5002, 2 bytes"),
        ("watch (0x6000/2)", "Watchpoint 1 at 0x3000, 4 bytes"),
        ("watch rw:0x5000/1", "Access watchpoint 1 at 0x5000, 1 byte"),
        ("rwatch 0x5000/2", "Read watchpoint 1 at 0x5000, 2 bytes"),
        ("awatch 0x5000/8", "Access watchpoint 1 at 0x5000, 8 bytes"),
        ("catch db", "Catchpoint 1 at #DB, handler 0x3000"),
        ("catch 14", "Catchpoint 1 at #PF, no handler yet"),
        ("tcatch #bp", "Temporary catchpoint 1 at #BP, no handler yet"),
    ],
)
async def test_what_is_set_is_named(terminal: Terminal, line: str, says: str) -> None:
    assert await terminal.run(line) == says


async def test_a_handler_that_is_not_used_is_told_from_one_that_is_not_there(terminal: Terminal) -> None:
    terminal.fake.no_handler[6] = "the one in real mode's table, at 0xfff53, is that of 2 other vectors too"
    assert await terminal.run("catch ud") == (
        "Catchpoint 1 at #UD, no handler of its own yet: "
        "the one in real mode's table, at 0xfff53, is that of 2 other vectors too"
    )


async def test_several_vectors_are_several_catchpoints(terminal: Terminal) -> None:
    assert await terminal.run("catch db, gp") == (
        "Catchpoint 1 at #DB, handler 0x3000\nCatchpoint 2 at #GP, no handler yet"
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("b nowhere", "No symbol 'nowhere' is known; load one with --symbols FILE."),
        ("b function if", "An expression is missing."),
        ("b function if 1 +", "A value is missing at the end."),
        ("watch", "An expression is missing."),
        ("watch counter/0", "A watchpoint of 0 bytes makes no sense."),
        ("catch", "catch needs a vector: db, bp, gp, pf, … or a number."),
        ("catch bd", "'bd' is neither a vector's name (db, bp, pf, …) nor a number; did you mean db?"),
        ("catch zzz", "'zzz' is neither a vector's name (db, bp, pf, …) nor a number."),
        ("catch 256", "Vector 256 does not exist; they go from 0 to 255."),
        ("delete 7", "There is no breakpoint 7."),
        ("delete x", "'x' is no breakpoint number."),
        ("condition 7 1", "There is no breakpoint 7."),
        ("commands 7", "There is no breakpoint 7."),
        ("commands", "There is no breakpoint to give commands to."),
        ("clear 0x5000", "There is no breakpoint at 0x5000."),
        ("b 0x8:0x10", "The base of segment 0x8 is not known: no segment register holds it; give a linear address."),
    ],
)
async def test_what_cannot_be_set_is_one_sentence_and_sets_nothing(terminal: Terminal, line: str, says: str) -> None:
    with pytest.raises(GdbError) as caught:
        await terminal.run(line)
    assert str(caught.value) == says
    assert terminal.fake.rows == {}


async def test_info_breakpoints_is_gdbs_table(terminal: Terminal) -> None:
    await terminal.run("b function if $rax > 0", "hb *0x2000", "watch counter", "catch db", "catch pf")
    await terminal.run("dis 2", "commands 1", "p $rax", "end", "c", "ignore 1 2")
    assert await terminal.run("i b") == "\n".join(
        (
            "Num     Type                Disp Enb Address            What",
            "1       breakpoint          keep y   0x0000000000001014 <function> [Z0]",
            "\tstop only if $rax > 0",
            "\tbreakpoint already hit 1 time",
            "\tignore next 2 hits",
            "\tp $rax",
            "2       hw breakpoint       keep n   0x0000000000002000 *0x2000",
            "3       watchpoint          keep y   0x0000000000004000 0x4000 <counter>, 4 bytes [Z2]",
            "4       catchpoint          keep y   0x0000000000003000 #DB, handler 0x3000 [Z1]",
            "5       catchpoint          keep y   <pending>          #PF, no handler yet [not in the target]",
        )
    )


async def test_a_condition_is_asked_at_each_hit(terminal: Terminal) -> None:
    """RAX counts two for each round, three at the fifth instruction of the second."""
    await terminal.run("b *0x1009 if $rax == 4", "c")
    assert terminal.fake.registers["rax"] == 4
    assert await terminal.run("condition 1") == "Breakpoint 1 now unconditional."
    await terminal.run("c")
    assert terminal.fake.registers["rax"] == 6


async def test_a_condition_that_cannot_be_told_stops_and_says_why(terminal: Terminal) -> None:
    await terminal.run("b *0x1009 if *(int*)0 == 1")
    text = await terminal.run("c")
    assert "The condition of breakpoint 1 cannot be told, so it stops: Cannot access memory" in text
    assert terminal.fake.registers["rip"] == 0x1009


async def test_ignore_counts_down(terminal: Terminal) -> None:
    await terminal.run("b *0x1009")
    assert await terminal.run("ignore 1 2") == "Breakpoint 1 will stop after 2 more crossings."
    await terminal.run("c")
    assert terminal.fake.registers["rax"] == 6
    assert await terminal.run("ignore 1 0") == "Breakpoint 1 will stop next time."


async def test_commands_run_at_the_hit_and_silent_hides_the_stop(terminal: Terminal) -> None:
    await terminal.run("b *0x1009", "commands 1", "silent", "p $rax", "echo seen\\n", "end")
    assert await terminal.run("c") == "$1 = 2\nseen"


async def test_commands_that_continue_go_on_and_drop_the_rest(terminal: Terminal) -> None:
    await terminal.run("b *0x1009", "b *0x100c if $rax == 6", "commands 1", "silent", "continue", "p 1", "end")
    text = await terminal.run("c")
    assert text.startswith("#3 cpu0 continue at 0x100c")
    assert "$1" not in text


async def test_commands_of_a_breakpoint_that_was_only_ignored_do_not_run(terminal: Terminal) -> None:
    await terminal.run("b function", "commands", "p 1", "end", "ignore 1 9", "b *0x1009")
    assert "$1" not in await terminal.run("c")


async def test_an_error_in_commands_ends_them(terminal: Terminal) -> None:
    await terminal.run("b *0x1009", "commands 1", "nonsense", "p 1", "end")
    with pytest.raises(CommandError, match="nonsense is no command"):
        await terminal.run("c")
    assert not terminal.session.pending


async def test_a_temporary_breakpoint_stops_once(terminal: Terminal) -> None:
    await terminal.run("tb *0x1009", "c")
    assert terminal.fake.registers["rip"] == 0x1009
    assert terminal.fake.rows == {}


async def test_disable_enable_delete_take_numbers_ranges_and_all(terminal: Terminal) -> None:
    await terminal.run("b *0x1001", "b *0x1004", "b *0x1009", "disable 1-2")
    assert [row.enabled for row in terminal.fake.rows.values()] == [False, False, True]
    await terminal.run("enable 1", "delete 2 3")
    assert list(terminal.fake.rows) == [1]
    assert terminal.fake.rows[1].enabled
    await terminal.run("b", "d")
    assert terminal.fake.rows == {}


async def test_deleting_all_asks_first_where_somebody_can_answer(terminal: Terminal) -> None:
    asked = []

    async def no(question: str) -> bool:
        asked.append(question)
        return False

    terminal.session.confirm = no
    await terminal.run("b", "delete")
    assert asked == ["Delete all breakpoints?"]
    assert list(terminal.fake.rows) == [1]
    await terminal.run("set confirm off", "delete")
    assert terminal.fake.rows == {}


async def test_clear_deletes_what_stands_at_a_location(terminal: Terminal) -> None:
    await terminal.run("b function", "hb function", "b start")
    assert await terminal.run("clear function") == "Deleted breakpoints 1 2"


async def test_places_for_the_trace_command_parse_alike(terminal: Terminal) -> None:
    session = terminal.session
    assert await parse_break(session, " hw: function ") == ("hw", 0x1014, "function")
    assert await parse_break(session, "function") == ("auto", 0x1014, "function")
    assert await parse_watch(session, "rw:counter/8") == ("access", 0x4000, 8, "counter/8")
    assert await parse_watch(session, "r:0x5000") == ("read", 0x5000, 4, "0x5000")
    assert parse_vectors("db,#PF 3,db") == [1, 14, 3]
    with pytest.raises(BadExpression):
        await parse_watch(session, "rw:")


async def test_seg_off_is_sixteen_times_the_segment_in_real_mode(terminal: Terminal) -> None:
    terminal.fake.mode = 16
    terminal.fake.registers["cr0"] = 0x10
    assert await terminal.run("b 0x7c0:0x10") == "Breakpoint 1 at 0x7c10"
    terminal.fake.registers["ds"] = 0x100
    assert await terminal.run("b $ds:4") == "Breakpoint 2 at 0x1004 <start+4>"
