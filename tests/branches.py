"""The branches of the rooms that have to be covered in full, by the tests of those rooms alone.

They are measured wherever all tests of these rooms run: in a run of everything, and in one of the rooms. Their tests
come first in each worker, and nothing is measured behind them: a tracer doubles the time of a test, and what another
test filled a cache with would not run again. What tries evidence at random (a property, or a test marked slow) is not
measured: that it comes by a branch is luck, and a row says what has to come of it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import coverage
import pytest

ROOMS = ("tests/gdbstub/x86", "tests/gdbstub/explain")
AT_RANDOM = ("hypothesis", "slow")
FOLDER = "DR6_COVERAGE"
"""The variable by which workers know where their figures go."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin, before anything of the rooms is imported."""
    worker: str | None = getattr(config, "workerinput", {}).get("workerid")
    if worker is None:
        if not _runs_all(config) or config.option.collectonly:
            return
        gate = Gate(config)
        config.pluginmanager.register(gate, "dr6-branches")
        if config.getoption("numprocesses", None):
            os.environ[FOLDER] = gate.folder.name
            return
        config.pluginmanager.register(Meter(Path(gate.folder.name) / "whole.run"), "dr6-meter")
    elif folder := os.environ.get(FOLDER):
        config.pluginmanager.register(Meter(Path(folder) / f"whole.{worker}"), "dr6-meter")


def _runs_all(config: pytest.Config) -> bool:
    option = config.option
    if option.keyword or option.markexpr or option.deselect:
        return False
    if any(config.getoption(name, None) for name in ("lf", "stepwise")):  # not there with -p no:cacheprovider
        return False
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return True
    given = {(config.invocation_params.dir / argument).resolve() for argument in config.args}
    return given >= {config.rootpath / room for room in ROOMS}


def _is_measured(item: pytest.Item) -> bool:
    return item.nodeid.startswith(ROOMS) and not any(item.get_closest_marker(name) for name in AT_RANDOM)


class Meter:
    """The process that runs tests."""

    def __init__(self, path: Path) -> None:
        self._coverage = coverage.Coverage(data_file=path)
        self._coverage.start()
        self._runs = True

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: not _is_measured(item))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        if not _is_measured(item):
            self._end()

    def pytest_sessionfinish(self) -> None:
        self._end()

    def _end(self) -> None:
        if self._runs:
            self._runs = False
            self._coverage.stop()
            self._coverage.save()


class Gate:
    """The process that hears of all of them."""

    def __init__(self, config: pytest.Config) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="dr6-coverage-")
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        os.environ.pop(FOLDER, None)
        whole = coverage.Coverage(data_file=Path(self.folder.name) / "whole")
        whole.combine([self.folder.name])
        terminalreporter.section(f"branches of the rooms of {' and '.join(ROOMS)}")
        found = whole.report(file=terminalreporter)  # type: ignore[arg-type] # it writes, and no more is asked for
        due = whole.get_option("report:fail_under")
        assert isinstance(due, int | float)
        if found < due:
            terminalreporter.write_line(f"ERROR: {found:.2f} % are covered, and {due:g} % have to be", red=True)
            if terminalreporter._session is not None:
                terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.folder.cleanup()
