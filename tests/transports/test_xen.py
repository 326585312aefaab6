"""``xen:DOMAIN`` and ``gdbsx:`` with helpers: programs of the test's own stand for those of dom0."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transports import CannotInterrupt, CannotOpen, Dom0Programs, Gdbsx, HelperFailed, Xen, open_endpoint
from transports.dom0 import find_domain
from transports.xen import ENDED, NOT_ENABLED, listening

LISTED = '[{"domid": 7, "config": {"c_info": {"type": "pv", "name": "web", "uuid": "f00d"}}}]'
XL = f"""case "$1" in
info) echo "xen_version : 4.17.5" ;;
list) if [ -z "$2" ]; then
    test -e "$LOG.gone" || echo "web 7 16 1 -b---- 1.0"
    test -e "$LOG.again" && echo "web 9 16 1 -b---- 1.0"
    exit 0
    elif [ "$3" = web ] || [ "$3" = 7 ]; then echo '{LISTED}'; else
    echo "libxl: error: x is an invalid domain identifier (rc=-6)" >&2; exit 1; fi ;;
pause) echo "pause $2" >>"$LOG" ;;
esac
"""
XENCTX = """echo "rip: ffffffff80000000 "; echo "dr7: 0000000000000400"; exit 1
"""


@pytest.fixture
def dom0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs at the front of PATH, and the log that they write."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    for name, script in (("xl", XL), ("xenctx", XENCTX)):
        put(folder, name, script)
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)


async def fails(target: Xen | Gdbsx, domain: str | None = None) -> str:
    with pytest.raises(CannotOpen) as caught:
        async with open_endpoint(target, domain=domain):
            pass
    return str(caught.value)


async def test_without_xl_it_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "xl was not found on PATH: is this a Xen host's dom0?" in await fails(Xen("web"))


async def test_a_domain_is_found_with_its_number_its_uuid_and_its_width(dom0: Path) -> None:
    domain = await find_domain(Dom0Programs(), "web")
    assert (domain.domain, domain.name, domain.identity, domain.hvm) == (7, "web", "f00d", False)
    assert await domain.width() == 64
    assert "dr7" in await domain.xenctx(0), "what it prints counts, though it fails behind the registers"


async def test_a_domain_that_is_not_there_is_named(dom0: Path) -> None:
    assert "There is no domain mail" in await fails(Xen("mail"))


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ('echo "Hyp is NOT enabled for gdbsx. errno:38"; exit 1', NOT_ENABLED),
        ('echo "open: Permission denied"; exit 1', "gdbsx has no permission on this machine: it needs root in dom0."),
        ('echo "it is raining"; exit 1', "gdbsx did not take web (7): it is raining."),
    ],
)
async def test_a_gdbsx_that_does_not_start_says_why(dom0: Path, script: str, sentence: str) -> None:
    put(dom0, "gdbsx", script)
    assert await fails(Xen("web")) == sentence


async def test_without_gdbsx_it_is_said_what_to_install(dom0: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gdbsx was not found on this machine: install the Xen tools" in await fails(Xen("web"))


async def test_the_interrupt_is_a_pause_of_the_domain(dom0: Path, tmp_path: Path) -> None:
    opened = listening(None, await find_domain(Dom0Programs(), "web"))  # type: ignore[arg-type]  # nothing is sent
    assert opened.interrupt is not None
    await opened.interrupt()
    assert (tmp_path / "log").read_text() == "pause 7\n"
    put(dom0, "xl", 'echo "xencall: error: Permission denied" >&2; exit 1')
    with pytest.raises(CannotInterrupt, match="no permission"):
        await opened.interrupt()


async def test_the_last_words_tell_a_domain_that_is_gone_from_one_that_rebooted(
    dom0: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.dom0.SUCCESSOR_SECONDS", 0)
    opened = listening(None, await find_domain(Dom0Programs(), "web"))  # type: ignore[arg-type]  # nothing is sent
    assert await opened.exit_reason() == ENDED
    (tmp_path / "log.gone").touch()
    assert await opened.exit_reason() == "The domain web (7) is gone: it was destroyed or shut down."
    (tmp_path / "log.again").touch()
    assert "has rebooted and is number 9 now" in await opened.exit_reason()


async def test_no_word_that_a_shell_would_take_apart_is_sent() -> None:
    with pytest.raises(HelperFailed, match="may not pass through --dom0"):
        await Dom0Programs(("ssh", "host")).run("xl", "list", "a;reboot")
    with pytest.raises(HelperFailed, match="can't be cut into words"):
        Dom0Programs.parse("ssh 'host")


async def test_a_prefix_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(
        HelperFailed, match="no-such-program can't be run behind --dom0 'no-such-program': No such file"
    ):
        await Dom0Programs(("no-such-program",)).run("xl", "info")


async def test_dr6s_own_helper_is_found_where_it_was_put(dom0: Path) -> None:
    assert not (await find_domain(Dom0Programs(), "web")).sets_debug_registers
    put(dom0, "dr6-vcpu", 'echo "$@"')
    domain = await find_domain(Dom0Programs(), "web")
    assert domain.sets_debug_registers
    assert await domain.vcpu("7", "0:dr0=1,dr7=402") == "7 0:dr0=1,dr7=402\n"
