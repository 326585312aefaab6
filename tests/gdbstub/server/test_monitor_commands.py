"""``monitor`` in stock gdb: dr6's words, and which of the hypervisor's pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from gdbstub.errors import GdbError
from gdbstub.server import Monitor, Policy
from gdbstub.server.client_stream import MOST_QUEUED
from tests.fakes.served import STEP, qemu, serving
from tests.gdbstub.backends.qemu.test_monitor import golden

SENT = b"qRcmd,"


def passed_on(log: list[bytes]) -> list[str]:
    return [bytes.fromhex(request[6:].decode()).decode() for request in log if request.startswith(SENT)]


async def test_commands_that_look_reach_the_hypervisors_monitor(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        served.stub.log.clear()
        assert (await peer.monitor("info kvm")).split() == golden("kvm").split()
        assert passed_on(served.stub.log) == ["info kvm"]


@pytest.mark.parametrize("command", ["quit", "system_reset", "migrate exec:sh", "infokvm", "INFO kvm", "cont", "-", ""])
async def test_other_commands_do_not(autojump_clock: MockClock, command: str) -> None:
    async with serving() as served:
        peer = await served.gdb()
        text = await peer.monitor(command)
        assert "is not passed on to the hypervisor's monitor" in text
        assert passed_on(served.stub.log) == []


@pytest.mark.parametrize(("word", "meant"), [("whi", "why"), ("evnets", "events"), ("cacth db", "catch")])
async def test_a_slip_in_a_word_of_dr6s_own_is_told(autojump_clock: MockClock, word: str, meant: str) -> None:
    async with serving() as served:
        text = await (await served.gdb()).monitor(word)
        assert text.rstrip().endswith(f" Of dr6's own, did you mean {meant}?")


@pytest.mark.parametrize("monitor", ["none", "info", "all"])
@pytest.mark.parametrize(
    "command",
    ["info kvm\nquit", "info kvm\rquit", "info\x1b[A", "info kvm\x00", "info \x7f", "info\x0bquit", "x\tquit"],
)
async def test_a_command_is_one_printable_line_in_any_case(
    autojump_clock: MockClock, command: str, monitor: Monitor
) -> None:
    async with serving() as served:
        peer = await served.gdb(Policy(monitor=monitor))
        assert "one line of printable characters" in await peer.monitor(command)
        assert passed_on(served.stub.log) == []


async def test_the_policy_opens_and_closes_the_monitor(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.monitor["quit"] = "bye"
        closed, opened = await served.gdb(Policy(monitor="none")), await served.gdb(Policy(monitor="all"))
        assert "--monitor none" in await closed.monitor("info kvm")
        assert passed_on(served.stub.log) == []
        assert (await opened.monitor("quit")).strip() == "bye"
        assert await closed.monitor("why") == "[why]\n"  # dr6's own words are no matter of policy


async def test_what_the_stub_has_no_monitor_for_is_said_in_words(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb(Policy(monitor="all"))
        assert "does not support" in await peer.monitor("frobnicate")


@pytest.mark.parametrize("payload", [b"qRcmd,", b"qRcmd,1", b"qRcmd,zz", b"qRcmd,ff"])
async def test_a_command_that_is_no_hex_or_no_text_is_answered_in_words(
    autojump_clock: MockClock, payload: bytes
) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(payload) == b"OK"
        assert passed_on(served.stub.log) == []


async def test_dr6s_own_commands_go_to_dr6(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.monitor("why") == "[why]\n"
        assert await peer.monitor("why 3") == "[why 3]\n"
        assert await peer.monitor("  events  2 ") == "[events 2]\n"
        assert await peer.monitor("dr") == "[dr]\n"
        assert await peer.monitor("dr6 x/4x 0x1000") == "[x/4x 0x1000]\n"
        assert await peer.monitor("dr6 why 1") == "[why 1]\n"
        assert await peer.monitor("dr6 nonsense") == "There is no such command.\n"
        for helps in ("dr6", "dr6 help", "dr6 dr6"):
            assert "monitor catch VECTORS|off" in await peer.monitor(helps)
        assert passed_on(served.stub.log) == []


async def test_help_is_the_hypervisors_with_dr6s_own_behind_it(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.monitor["help"] = "info -- look\n"
        allowed, alone = await served.gdb(), await served.gdb(Policy(monitor="none"))
        text = await allowed.monitor("help")
        assert text.startswith("info -- look\n\ndr6's own monitor commands:\n  monitor why [N]")
        assert (await alone.monitor(" help ")).startswith("dr6's own monitor commands:\n")


async def test_a_step_that_was_taken_lightly_is_explained_when_somebody_asks(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.run(STEP)
        assert passed_on(served.stub.log) == []
        await peer.monitor("why")
        assert "info registers" in passed_on(served.stub.log)
        assert served.debugger.records[-1].explanation.causes[0].cause == "single-step"


async def test_clients_say_who_drives(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await served.gdb(), await served.gdb()
        assert await first.monitor("clients") == "client 1 (this one)\nclient 2\n"
        assert await second.monitor("drive") == "This client drives the guest now.\n"
        assert await first.monitor("clients") == "client 1 (this one)\nclient 2 (drives)\n"
        assert await second.monitor("give") == "Whoever lets the guest run next drives it.\n"
        assert await second.monitor("clients") == "client 1\nclient 2 (this one)\n"


async def test_vectors_are_caught_for_a_client_and_let_go_with_it(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert "catch needs vectors" in await peer.monitor("catch")
        assert await peer.monitor("catch x") == "x is no vector.\n"
        text = await peer.monitor("catch 13")
        assert text.startswith("Vector 13 is caught (")
        assert await peer.monitor("catch 13") == text
        caught = peer.session.own_breakpoints()
        assert [row.vector for row in caught] == [13]
        assert served.debugger.breakpoints == {}
        assert await peer.monitor("catch off") == "No vectors are caught for this client any more.\n"
        assert peer.session.own_breakpoints() == ()
        await peer.monitor("catch 14")
        await peer.close()
        assert served.stub.points == []


async def test_an_answer_of_megabytes_arrives_whole(autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.monitor["info mtree -f"] = "\n".join(f"line {number} " + "-" * 4000 for number in range(1200))
    async with serving(stub) as served:
        peer = await served.gdb()
        text = await peer.monitor("info mtree -f")
        assert len(text) > MOST_QUEUED
        assert "line 1199 -" in text
        assert peer.client.ending == ""


def test_what_pwndbg_asks_for_is_refused_with_the_reason() -> None:
    with pytest.raises(GdbError, match=r"'chardev-add' is not passed on .* writes files of this machine\. pwndbg"):
        Policy().check_monitor("chardev-add file,id=x,path=/tmp/x")
    Policy("all").check_monitor("chardev-add file,id=x,path=/tmp/x")


def test_pwndbg_may_have_qemu_open_an_empty_file_of_its_own_and_no_other(tmp_path: Path) -> None:
    path, policy = tmp_path / "tmpab12_x9z", Policy("pwndbg")
    opens, probe = "chardev-add file,id={},path={}", f"gdb-pt-dump-{'aZ' * 8}"
    path.touch()
    policy.check_monitor(opens.format(probe, path))
    policy.check_monitor(f"chardev-remove {probe}")
    policy.check_monitor("info mem")
    policy.check_monitor("gpa2hva 0x1000")
    (tmp_path / "link").symlink_to(path)
    refused = [opens.format(probe, other) for other in (tmp_path / "tmpmissing1", tmp_path / "link", tmp_path, "/x")]
    refused += [opens.format("other", path), f"{opens.format(probe, path)},append=on", "chardev-remove serial0", "quit"]
    for command in refused:
        with pytest.raises(GdbError, match=r"is not passed on"):
            policy.check_monitor(command)
    path.write_text("somebody's")
    with pytest.raises(GdbError):
        policy.check_monitor(opens.format(probe, path))


@pytest.mark.parametrize("command", ["", "  ", "info", "x/4x 0", "help", "xp/4xw 0x1000", "xp /4xw 0x1000", "/", "xpq"])
def test_the_first_word_decides_and_ends_at_a_slash_too(command: str) -> None:
    policy = Policy()
    if command.startswith(("info", "help", "x/", "xp/", "xp ")):
        policy.check_monitor(command)
    else:
        with pytest.raises(GdbError):
            policy.check_monitor(command)
