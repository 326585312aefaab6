"""why, events, monitor, record, trace, source, help, quit; names, prefixes, empty lines, completion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from frontend.commands import COMMANDS, SUBJECTS, CommandError, Quit, complete, find_command, run_lines, word_at_end
from frontend.commands.values import Value
from gdbstub.errors import GdbError, TransportError
from gdbstub.trace import TraceReader
from tests.fakes.records import event_record, step_record
from tests.frontend.terminal import Terminal


async def test_why_adds_sources_and_both_dr6(terminal: Terminal) -> None:
    terminal.fake.records.extend((step_record(0), event_record(1)))
    assert await terminal.run("why") == "\n".join(
        (
            "#1 cpu0 event #DB at handler 0x100149: INT1 (ICEBP) by the guest",
            "  0x10041b: f1  int1",
            "  frame: rip 0x10041c cs 0x8 rflags 0x10002 rsp 0x200000 ss 0x10",
            "  icebp · guest · trap · certain",
            "    because: the instruction before RIP is F1",
            "    source: SDM 3B 18.3.1.3",
            "  contradiction: DR6.B0 is set but DR7 does not enable slot 0",
            "  unknown: CPL before the event",
            "  advice: clear DR6 in the handler",
            "  the guest's DR6 is 0xffff0ff0; left from before: B0",
        )
    )
    assert (await terminal.run("why 0")).splitlines()[-1] == (
        "  the DR6 of the exit itself is 0xffff4ff0 (reconstructed)"
    )
    with pytest.raises(CommandError, match=r"Stop 9 is not kept; there are 0 to 1\."):
        await terminal.run("why 9")


async def test_why_before_any_stop_is_one_sentence(terminal: Terminal) -> None:
    with pytest.raises(GdbError, match="There is no stop yet"):
        await terminal.run("why")


async def test_events_lists_what_was_caught(terminal: Terminal) -> None:
    assert await terminal.run("events") == "No event was caught yet; catch db catches the guest's #DB."
    terminal.fake.records.extend((step_record(0), event_record(1)))
    assert len((await terminal.run("events")).splitlines()) == 1
    assert len((await terminal.run("events all")).splitlines()) == 2


async def test_monitor_text_is_cleaned(terminal: Terminal) -> None:
    terminal.fake.monitor_answers["info status"] = "VM status: \x1b[31mpaused\r\nsecond\r\n"
    assert await terminal.run("monitor info status") == "VM status: \\x1b[31mpaused\nsecond"
    with pytest.raises(CommandError, match="monitor needs a command"):
        await terminal.run("mon")


async def test_detach_disconnect_and_kill_say_what_becomes_of_the_guest(terminal: Terminal) -> None:
    assert await terminal.run("detach") == ("Detached from tcp:127.0.0.1:1234; breakpoints are out and the guest runs.")
    assert terminal.fake.log == ["detach"]
    with pytest.raises(CommandError, match="kill needs a guest, and the guest is gone"):
        await terminal.run("kill")
    other = Terminal()
    assert (await other.run("disconnect")).endswith("the guest stays stopped.")
    assert other.fake.log == ["disconnect"]


async def test_kill_asks_first(terminal: Terminal) -> None:
    async def no(_: str) -> bool:
        return False

    terminal.session.confirm = no
    assert await terminal.run("k") == ""
    assert terminal.fake.log == []
    assert await terminal.run("set confirm off", "kill") == "The guest is killed."


async def test_trace_writes_each_step(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await terminal.run("catch db")
    assert (await terminal.run(f"trace {path} 12")).splitlines()[-1] == f"12 rows in {path}."
    with TraceReader(path) as trace:
        rows = list(trace)
        assert [row["pc"] for row in rows[:3]] == ["0x1001", "0x1004", "0x1014"]
        assert [row["kind"] for row in rows].count("event") == 1
        assert trace.end is not None
        assert trace.end["reason"] == "steps"


async def test_trace_as_text_by_suffix(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    await terminal.run(f"trace {path} 1")
    header, row, end = path.read_text().splitlines()
    assert header == "# dr6: tcp:127.0.0.1:1234, qemu-tcg 7.2.22"
    assert row == "#0 cpu0 step at 0x1001 <start+1>  [single-step/debugger]"
    assert end.startswith("# ended: steps; 1 stops, 0 events in ")


async def test_trace_to_a_full_disk_stops_with_one_sentence(terminal: Terminal) -> None:
    with pytest.raises(GdbError, match="Cannot write to /dev/full: No space left on device"):
        await terminal.run("trace /dev/full 1000")
    assert len(terminal.fake.records) < 10


async def test_record_keeps_every_stop_until_it_is_stopped(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    assert await terminal.run("record") == (
        "Nothing is recorded. record FILE keeps the stops; dr6 --record FILE keeps the whole session."
    )
    assert await terminal.run(f"record {path}") == f"Every stop from now on goes to {path}."
    await terminal.run("si", "si")
    assert await terminal.run("record") == f"The stops go to {path}; 2 so far."
    with pytest.raises(CommandError, match="record stop ends that"):
        await terminal.run("record x.jsonl")
    assert await terminal.run("record stop", "si") != ""
    with TraceReader(path) as trace:
        assert len(list(trace)) == 2
        assert trace.cut_off is None
    with pytest.raises(CommandError, match="No stops are being recorded"):
        await terminal.run("record stop")


async def test_closing_the_session_completes_a_recording(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await terminal.run(f"record {path}", "si")
    terminal.session.close()
    terminal.session.close()
    with TraceReader(path) as trace:
        assert len(list(trace)) == 1
        assert trace.end is not None


async def test_source_runs_a_file_and_names_the_line_that_fails(terminal: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("# a comment\n\nb *0x1009\ncommands 1\n  silent\n  p $rax\nend\nc\n")
    assert await terminal.run(f"source {script}") == "Breakpoint 1 at 0x1009 <start+9>\n$1 = 2"
    script.write_text("p 1\nnonsense\np 2\n")
    with pytest.raises(CommandError, match=r"script:2: nonsense is no command of dr6; help lists them\."):
        await terminal.run(f"source {script}")
    assert terminal.lines == ["$2 = 1"]
    script.write_text("commands 1\np 1\n")
    with pytest.raises(CommandError, match="ends inside a block; an end is missing"):
        await terminal.run(f"source {script}")
    script.write_text(f"source {script}\n")
    with pytest.raises(CommandError, match="Scripts call each other more than 10 deep"):
        await terminal.run(f"source {script}")
    with pytest.raises(CommandError, match="Cannot read commands from /nowhere/x: No such file"):
        await terminal.run("source /nowhere/x")


async def test_quit_carries_its_code(terminal: Terminal) -> None:
    for line, code in (("quit", 0), ("q 7", 7), ("exit 1+1", 2)):
        with pytest.raises(Quit) as left:
            await terminal.run(line)
        assert left.value.code == code


async def test_symbol_file_adds_names(tmp_path: Path, terminal: Terminal) -> None:
    path = terminal.session.symbols.files[0]
    other = Terminal()
    assert await other.run(f"file {path} 0x100", "p function") == (
        f"3 symbols from {path}, 0x100 higher.\n$1 = 0x1114 <function>"
    )
    with pytest.raises(GdbError, match="Cannot read symbols from /nowhere/x"):
        await other.run("symbol-file /nowhere/x")


ABBREVIATIONS = {
    "b": "break",
    "br": "break",
    "tb": "tbreak",
    "hb": "hbreak",
    "thb": "thbreak",
    "wat": "watch",
    "rw": "rwatch",
    "aw": "awatch",
    "d": "delete",
    "del": "delete",
    "dis": "disable",
    "en": "enable",
    "ign": "ignore",
    "cond": "condition",
    "comm": "commands",
    "c": "continue",
    "cont": "continue",
    "s": "step",
    "si": "stepi",
    "n": "next",
    "ni": "nexti",
    "fin": "finish",
    "u": "until",
    "adv": "advance",
    "j": "jump",
    "i": "info",
    "p": "print",
    "disp": "display",
    "disas": "disassemble",
    "bt": "backtrace",
    "t": "thread",
    "mon": "monitor",
    "k": "kill",
    "q": "quit",
    "h": "help",
    "so": "source",
    "ev": "events",
    "w": None,
    "di": None,
}


@pytest.mark.parametrize(("short", "name"), ABBREVIATIONS.items())
def test_abbreviations_are_gdbs(short: str, name: str | None) -> None:
    if name is not None:
        assert find_command(short).name == name
        return
    with pytest.raises(CommandError, match=f"^{short} is ambiguous; it could be "):
        find_command(short)


def test_an_ambiguous_name_lists_its_candidates() -> None:
    with pytest.raises(CommandError) as caught:
        find_command("di")
    assert str(caught.value) == "di is ambiguous; it could be disable, display, disassemble, directory, disconnect."


def test_no_two_commands_share_a_name() -> None:
    names = [name for row in COMMANDS for name in (row.name, *row.short)]
    assert len(names) == len(set(names))


def test_every_command_of_the_contract_is_there() -> None:
    wanted = (
        "break tbreak hbreak thbreak watch rwatch awatch catch delete disable enable ignore condition commands "
        "continue stepi nexti finish until advance interrupt info x print set display disassemble find backtrace "
        "thread monitor detach kill source help quit why events dr translate record trace"
    )
    assert set(wanted.split()) <= {row.name for row in COMMANDS}
    assert {"registers", "breakpoints", "threads", "dr", "target", "symbol"} <= {row.name for row in SUBJECTS}


def test_every_help_text_is_a_sentence_that_fits() -> None:
    for name, text in [(row.name, row.help) for row in COMMANDS] + [(row.name, row.help) for row in SUBJECTS]:
        assert text[0].isupper(), name
        assert text.endswith("."), name
        assert len(text) <= 88, name


async def test_help_lists_and_explains(terminal: Terminal) -> None:
    text = await terminal.run("help")
    assert all(f"  {row.name:<12} " in text for row in COMMANDS)
    assert await terminal.run("help si") == "\n".join(
        (
            "stepi [N]",
            "Also: si",
            "Execute one instruction, or N.",
            "It ends early where something else happens: a breakpoint, a caught vector, an interrupt of yours.",
        )
    )
    assert (await terminal.run("help info dr")) == "info dr: The debug registers, bit by bit."


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "nonsense is no command of dr6; help lists them."),
        ("macro x", "macro is no command of dr6; help lists them."),
        ("brake main", "brake is no command of dr6; did you mean break or tbreak or hbreak?"),
        ("ba w2 counter", "ba is WinDbg's for a hardware breakpoint: hbreak PLACE, watch PLACE/LEN, rwatch, awatch."),
        ("g", "g is WinDbg's for going on: continue, or advance PLACE."),
        ("u 0x7c00", "u is gdb's until and WinDbg's unassemble: until PLACE, or x/8i PLACE."),
        ("12", "'12' is no command; help lists them."),
        ("\x1b[2J", "'\\\\x1b[2J' is no command; help lists them."),
        ("si/x", "stepi takes no /x."),
        ("finish 5", "finish takes no arguments."),
        ("x" * 5000, "The line is longer than 4096 characters."),
        ("trace x", "trace needs a file and a number of steps: trace run.jsonl 1000."),
        ("trace x 0", "The number of steps has to be at least 1."),
        ("trace /nowhere/t 5", "Cannot open /nowhere/t for writing: No such file or directory."),
    ],
)
async def test_a_line_that_means_nothing_is_one_sentence(terminal: Terminal, line: str, says: str) -> None:
    with pytest.raises(GdbError) as caught:
        await terminal.run(line)
    assert str(caught.value) == says


async def test_empty_lines_repeat_only_what_may_be_repeated(terminal: Terminal) -> None:
    assert await terminal.run("", "p 1", "", "# a comment", "") == "$1 = 1"
    await terminal.run("si", "", "# a comment", "")
    assert len(terminal.fake.records) == 3


async def test_run_lines_goes_on_and_gives_the_last_status(terminal: Terminal) -> None:
    complaints: list[str] = []
    assert await run_lines(terminal.session, ["nonsense", "", "p 1"], complaints.append) == 0
    assert await run_lines(terminal.session, ["p 1", "nonsense"], complaints.append) == 1
    assert complaints == ["nonsense is no command of dr6; help lists them."] * 2
    assert await run_lines(terminal.session, ["nonsense", "b"], complaints.append, strict=True) == 1
    assert terminal.fake.rows == {}
    assert await run_lines(terminal.session, ["b", "commands 1", "p 1"], complaints.append) == 1
    assert complaints[-1] == "The last block has no end."
    with pytest.raises(Quit):
        await run_lines(terminal.session, ["quit 3"], complaints.append)


async def test_run_lines_lets_a_lost_connection_through(terminal: Terminal) -> None:
    async def lost(*, interrupted: bool) -> None:
        raise TransportError("The stub closed the connection.")

    terminal.fake.resume = lost  # type: ignore[assignment,method-assign]  # a stub that dies
    with pytest.raises(TransportError):
        await run_lines(terminal.session, ["c", "p 1"], terminal.lines.append)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("con", ["condition", "continue"]),
        ("info re", ["registers"]),
        ("info registers ra", ["rax"]),
        ("catch p", ["pf"]),
        ("catch db, g", ["gp"]),
        ("break fun", ["function"]),
        ("x/4xg cou", ["counter"]),
        ("p $r8", ["$r8", "$r8b", "$r8d", "$r8w"]),
        ("p $rax+fun", ["function"]),
        ("delete ", ["1", "2"]),
        ("help why", ["why"]),
        ("p ", []),
        ("monitor inf", []),
        ("nonsense f", []),
        ("di f", []),
    ],
)
async def test_completion_offers_what_fits(terminal: Terminal, text: str, words: list[str]) -> None:
    await terminal.run("b function", "b start")
    terminal.fake.records.append(step_record())
    assert [word for word, _ in complete(terminal.session, text)] == words


def test_a_candidate_replaces_the_word_at_the_end() -> None:
    assert [word_at_end(text) for text in ("", "con", "p $ra", "x/4xg *fo", "p (a+b")] == ["", "con", "$ra", "fo", "b"]


async def test_completion_says_what_each_candidate_is(terminal: Terminal) -> None:
    assert complete(terminal.session, "break fun") == [("function", "0x1014")]
    assert complete(terminal.session, "why") == [("why", find_command("why").help)]


async def test_a_script_that_is_a_pipe_can_be_left_while_nobody_writes_to_it(
    terminal: Terminal, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with trio.move_on_after(0.1) as scope:
        await terminal.run(f"source {pipe}")
    assert scope.cancelled_caught
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # the thread that reads it ends


@pytest.mark.parametrize("line", ["record", "trace", "source"])
async def test_what_can_be_no_name_of_a_file_is_a_sentence(terminal: Terminal, line: str) -> None:
    for name in ("a\0b", "\ud800"):
        with pytest.raises(GdbError, match="no file can have this name"):
            await terminal.run(f"{line} {name}{' 3' * (line == 'trace')}")


async def test_an_interrupt_while_a_command_gets_ready_stops_the_guest_at_once(loop: Terminal) -> None:
    session = loop.session

    async def interrupted(name: str) -> Value:
        await session.interrupt()
        return Value(0x1000)

    session.variable = interrupted  # type: ignore[method-assign]  # Ctrl-C while $place is looked up
    loop.fake.memory[:2] = b"\xeb\xfe"  # jmp to itself
    for line in ("advance $place", "stepi $place"):
        with trio.fail_after(10):
            await loop.run(line)
        assert session.interrupted
    assert len(session.debugger.records) == 2
