"""The command line: what is accepted, what is refused with 2, and that ``--help`` loads nothing heavy."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from frontend.cli import parser
from frontend.cli.exit_codes import INTERRUPTED
from frontend.version import tool


def parsed(*words: str) -> argparse.Namespace:
    return parser.parse(words)


def test_ex_and_x_keep_the_order_of_the_command_line() -> None:
    options = parsed("attach", ":1", "-ex", "b 1", "-x", "file", "--ex", "c", "--command-file", "other", "-batch")
    assert options.script == [("-ex", "b 1"), ("-x", "file"), ("-ex", "c"), ("-x", "other")]
    assert options.batch


def test_two_parsings_do_not_share_a_script() -> None:
    parsed("attach", ":1", "-ex", "c")
    assert parsed("attach", ":1").script == []


def test_what_follows_two_dashes_is_qemu_s() -> None:
    options = parsed("launch", "image", "--smp", "2", "--", "-m", "64M")
    assert (options.image, options.smp, options.qemu_args) == ("image", 2, ["-m", "64M"])
    options = parsed("launch", "--batch", "image", "--", "-cpu", "max", "--", "-s")
    assert options.qemu_args == ["-cpu", "max", "--", "-s"]
    assert parsed("demo", "--", "-m", "64M").qemu_args == ["-m", "64M"]


def test_repeatable_options_of_a_trace_add_up() -> None:
    options = parsed("trace", ":1", "--break", "a", "--break", "hw:b", "--catch", "db,bp", "--steps", "0x10")
    assert (options.breaks, options.catches, options.steps, options.leave) == (["a", "hw:b"], ["db,bp"], 16, "running")


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("attach",),
        ("attach", ":1", "--leave", "burning"),
        ("trace", ":1", "--steps", "0"),
        ("trace", ":1", "--steps", "-5"),
        ("trace", ":1", "--steps", "many"),
        ("trace", ":1", "--format", "csv"),
        ("launch", "image", "--accel", "hax"),
        ("replay",),
        ("attach", ":1", "--", "-m", "64M"),
        ("--", "-m"),
    ],
)
def test_wrong_usage_is_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser.main(words)
    assert end.value.code == 2
    assert "usage: dr6" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown_and_the_code_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser.main(()) == 2
    out = capsys.readouterr().out
    for name, help_, _, _ in parser.COMMANDS:
        assert f" {name} " in out or f" {name}\n" in out
        assert help_.split(":")[0] in " ".join(out.split())


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser.main(("--version",))
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == tool()


def test_every_command_has_help_that_names_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    for name, _, _, _ in parser.COMMANDS:
        with pytest.raises(SystemExit) as end:
            parser.main((name, "--help"))
        assert end.value.code == 0
        assert f"dr6 {name}" in capsys.readouterr().out


def test_help_loads_none_of_the_heavy_rooms() -> None:
    script = (
        "import sys; from frontend.cli.parser import make_parser; make_parser().format_help(); "
        "print(*sorted({'trio', 'prompt_toolkit', 'asyncio', 'capstone', 'elftools', 'pygments'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_headless_command_loads_no_screen() -> None:
    script = (
        "import sys; from frontend.cli import parser; parser.main(['attach', 'unix:/no/such/socket', '--batch']); "
        "print(*sorted({'prompt_toolkit', 'asyncio', 'pygments'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_ctrl_c_before_there_is_a_guest_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: argparse.Namespace, words: tuple[str, ...]) -> int:
        raise KeyboardInterrupt

    rows = tuple((name, help_, add, interrupted) for name, help_, add, _ in parser.COMMANDS)
    monkeypatch.setattr(parser, "COMMANDS", rows)
    assert parser.main(("attach", ":1")) == INTERRUPTED == 130
