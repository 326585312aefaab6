"""Every failure is one clean sentence and its exit code; Ctrl-C ends the work in order, twice ends it at once."""

from __future__ import annotations

import os
import signal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from frontend.cli.failures import exit_code
from frontend.cli.guarded import guarded, run_headless
from frontend.cli.interrupts import Interrupts
from gdbstub.errors import BadExpression, GdbError, NoReply, Refused, RemoteProtocolError, TransportError, Unsupported
from gdbstub.trace import TraceError
from transports import BadTarget, CannotOpen, CannotRecord

CODES = (
    (BadTarget("x"), 2),
    (CannotOpen("x"), 3),
    (TransportError("x"), 3),
    (NoReply("x"), 3),
    (RemoteProtocolError("x"), 3),
    (CannotRecord("x"), 1),
    (GdbError("x"), 1),
    (Refused("x", "22"), 1),
    (Unsupported("x"), 1),
    (BadExpression("x"), 1),
    (TraceError("x"), 1),
)


async def for_ever() -> int:
    await trio.Event().wait()
    return 0


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_each_error_has_its_exit_code_and_is_said_on_stderr(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert exit_code(error) == guarded(fail) == code
    assert capsys.readouterr() == ("", f"dr6: {error}\n")


def test_what_the_peer_says_reaches_the_terminal_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise GdbError("the stub said \x1b[2Jboo\x07")

    guarded(fail)
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\x07" not in err
    assert "boo" in err


def test_a_bug_travels_to_the_top() -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)


def test_a_failure_comes_out_of_trio_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(interrupts: Interrupts) -> int:
        await trio.lowlevel.checkpoint()
        raise CannotOpen("Nothing there.")

    assert run_headless(work) == 3
    assert capsys.readouterr().err == "dr6: Nothing there.\n"


async def test_the_first_ctrl_c_stops_the_guest_and_the_work_ends_by_itself() -> None:
    interrupts, asked = Interrupts(), trio.Event()

    async def stop() -> None:
        asked.set()

    async def work() -> str:
        interrupts.on_first = stop
        os.kill(os.getpid(), signal.SIGINT)
        await asked.wait()
        return "in order"

    assert await interrupts.run(work) == "in order"
    assert interrupts.seen == 1


async def test_the_second_ctrl_c_ends_the_work_at_once() -> None:
    interrupts, tidied = Interrupts(), trio.Event()

    async def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    async def work() -> int:
        interrupts.on_first = stop
        try:
            os.kill(os.getpid(), signal.SIGINT)
            return await for_ever()
        finally:
            tidied.set()

    assert await interrupts.run(work) == 130
    assert tidied.is_set()
    assert interrupts.seen == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_before_there_is_a_guest_any_ending_ends_it(number: signal.Signals) -> None:
    interrupts = Interrupts()

    async def work() -> int:
        os.kill(os.getpid(), number)
        return await for_ever()

    assert await interrupts.run(work) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_what_ends_in_order_does_so_at_any_ending(number: signal.Signals) -> None:
    interrupts, asked = Interrupts(), trio.Event()

    async def stop() -> None:
        asked.set()

    async def work() -> str:
        interrupts.on_first, interrupts.in_order = stop, True
        os.kill(os.getpid(), number)
        await asked.wait()
        return "in order"

    assert await interrupts.run(work) == "in order"


async def test_what_does_not_come_to_its_end_in_order_is_broken_off(autojump_clock: trio.abc.Clock) -> None:
    interrupts = Interrupts()

    async def stop() -> None:
        """The guest does not answer."""

    async def work() -> int:
        interrupts.on_first, interrupts.in_order = stop, True
        os.kill(os.getpid(), signal.SIGTERM)
        return await for_ever()

    assert await interrupts.run(work) == 130


async def test_afterwards_the_signals_are_python_s_again() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> int:
        await wait_all_tasks_blocked()
        return 5

    assert await Interrupts().run(work) == 5
    assert signal.getsignal(signal.SIGTERM) is before
