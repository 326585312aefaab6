"""The guest of `dr6 doctor` is built from its source."""

from __future__ import annotations

from pathlib import Path

from frontend.cli.doctor import PROBE_IMAGE
from gdbstub.doctor import OwnGuest
from gdbstub.doctor.ground import CODE_SPAN, STUB_SIZE, VECTORS
from tests.guests.build import made_as_installed, make
from tests.guests.image import read_image

SOURCE = Path(__file__).parents[2] / "guests" / "probe"


def test_the_installed_image_is_what_the_source_builds(tmp_path: Path) -> None:
    built = make("probe", tmp_path)
    assert read_image(PROBE_IMAGE) == read_image(built)
    assert not made_as_installed() or PROBE_IMAGE.read_bytes() == built.read_bytes()


def test_the_image_has_what_the_doctor_looks_for() -> None:
    symbols = read_image(PROBE_IMAGE).symbols
    assert symbols.keys() >= set(OwnGuest._fields)
    assert symbols["arena"] % 0x1000 == 0
    assert symbols["exception"] - symbols["handlers"] <= STUB_SIZE * VECTORS
    assert symbols["gdt"] - symbols["arena"] >= CODE_SPAN
