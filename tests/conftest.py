"""The trio hook, the clock of tests, what live tests need, the end of what they start, and what is given to users."""

from __future__ import annotations

import inspect
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import settings

from tests.distributions import ROOT, build
from tests.processes import Watcher

LIVE_TOOLS = ("qemu-system-x86_64", "gdb", "tmux")
LIVE_SECONDS = 120
"""How long a live test may take, far more than any does on a busy machine, and half of what faulthandler waits for."""
settings.load_profile("ci")  # no deadlines, and the same examples in each run; --hypothesis-profile overrides it
_watcher = pytest.StashKey[Watcher]()


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job has SIGINT ignored, nohup's SIGHUP, and so would all that tests start and send them to.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.stash[_watcher] = Watcher()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (watcher := config.stash.get(_watcher, None)) is not None:
        watcher.close()


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    """A clock that jumps over every wait: time passes, nobody sleeps."""
    return trio.testing.MockClock(autojump_threshold=0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests under trio; live ones within a bound, so that a hang is a failure."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    clock = next((a for a in arguments.values() if isinstance(a, trio.abc.Clock)), None)

    async def bounded() -> None:
        if clock is not None:
            await pyfuncitem.obj(**arguments)
            return
        with trio.move_on_after(LIVE_SECONDS) as scope:
            await pyfuncitem.obj(**arguments)
        assert not scope.cancelled_caught, f"{pyfuncitem.name} was not done within {LIVE_SECONDS} seconds"

    trio.run(bounded, clock=clock)
    return True


@pytest.fixture(autouse=True)
def _tools_are_there(request: pytest.FixtureRequest) -> None:
    """A live test on a machine without its tools is a skip that says so (`make test` installs them)."""
    if request.node.get_closest_marker("live"):
        missing = [tool for tool in LIVE_TOOLS if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(autouse=True)
def _nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a live test started has ended when it ends; what a fixture of its module started stays until that ends."""
    if not request.node.get_closest_marker("live"):
        yield
        return
    watcher = request.config.stash[_watcher]
    before = watcher.running()
    yield
    assert watcher.left(before) == [], "still running behind the test"


@pytest.fixture(autouse=True)
def _bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """A live test that waits for ever is a failure that says where; an ``async def`` has its bound from trio."""
    if not request.node.get_closest_marker("live") or inspect.iscoroutinefunction(request.function):
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{request.node.name} was not done within {LIVE_SECONDS} seconds; it waits above")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LIVE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dr6 as pip takes it."""
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"skipped: {len(skipped)}")
