"""The trio hook, the clock of tests, what live tests need, and what is given to users."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.distributions import ROOT, build

LIVE_TOOLS = ("qemu-system-x86_64", "gdb", "tmux")
LIVE_SECONDS = 120


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
        if clock is None:
            with trio.fail_after(LIVE_SECONDS):
                await pyfuncitem.obj(**arguments)
        else:
            await pyfuncitem.obj(**arguments)

    trio.run(bounded, clock=clock)
    return True


@pytest.fixture(autouse=True)
def _tools_are_there(request: pytest.FixtureRequest) -> None:
    """A live test on a machine without its tools is a skip that says so (`make test` installs them)."""
    if request.node.get_closest_marker("live"):
        missing = [tool for tool in LIVE_TOOLS if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dr6 as pip takes it."""
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"skipped: {len(skipped)}")
