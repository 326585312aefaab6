"""The guest of `dr6 doctor` is built from its source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from frontend.cli.doctor import PROBE_IMAGE
from gdbstub.doctor import OwnGuest
from gdbstub.doctor.ground import CODE_SPAN, STUB_SIZE, VECTORS
from tests.guests.build import INSTALLED_BY, make
from tests.guests.image import read_image

SOURCE = Path(__file__).parents[2] / "guests" / "probe"


def test_the_installed_image_loads_what_the_source_builds(tmp_path: Path) -> None:
    assert read_image(PROBE_IMAGE) == read_image(make("probe", tmp_path))


def test_the_installed_image_is_the_built_one_byte_for_byte(tmp_path: Path) -> None:
    built = make("probe", tmp_path)
    version = subprocess.run(["ld", "--version"], capture_output=True, text=True, check=True).stdout
    if INSTALLED_BY not in version.splitlines()[0]:
        pytest.skip(f"the image was made by binutils {INSTALLED_BY}; this is {version.splitlines()[0]}")
    assert PROBE_IMAGE.read_bytes() == built.read_bytes()


def test_the_image_has_what_the_doctor_looks_for() -> None:
    symbols = read_image(PROBE_IMAGE).symbols
    assert symbols.keys() >= set(OwnGuest._fields)
    assert symbols["arena"] % 0x1000 == 0
    assert symbols["exception"] - symbols["handlers"] <= STUB_SIZE * VECTORS
    assert symbols["gdt"] - symbols["arena"] >= CODE_SPAN
