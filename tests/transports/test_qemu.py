"""A QEMU of our own: how it is started, what it is told, and that it never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from transports import Accelerator, CannotOpen, LaunchedQemu, PeerDied, launch_qemu
from transports import qemu as qemu_module
from transports.qemu import boot_arguments

ROOT = Path(__file__).parents[2]

# mov $'A',%al; out %al,$0xe9; mov $0x3f8,%dx; mov $'B',%al; out %al,%dx; hlt; jmp .-1
GUEST = bytes.fromhex("b041 e6e9 baf803 b042 ee f4 ebfd")
BOOT_SECTOR = GUEST.ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "boot,sector.img"  # a comma is special in QEMU's options
    path.write_bytes(BOOT_SECTOR)
    return path


async def ask(stub: trio.abc.Stream, packet: bytes) -> bytes:
    """Send the body of a packet and receive the whole answer, ack and all."""
    await stub.send_all(b"+$%s#%02x" % (packet, sum(packet) % 256))
    answer = b""
    while b"#" not in answer[:-2]:
        data = await stub.receive_some()
        assert data
        answer += data
    return answer


async def count_threads(stub: trio.abc.Stream) -> int:
    """QEMU names one thread in each answer, and ends with ``l``."""
    answer, count = await ask(stub, b"qfThreadInfo"), 0
    while answer.startswith(b"+$m"):
        answer, count = await ask(stub, b"qsThreadInfo"), count + 1
    return count


async def refused(image: str | Path, **options: object) -> str:
    with pytest.raises(CannotOpen) as caught:
        async with launch_qemu(image, **options):  # type: ignore[arg-type]
            raise AssertionError("it was started")
    sentence = str(caught.value)
    assert sentence.isprintable()
    return sentence


async def wait_gone(pidfd: int) -> None:
    """Wait until the process of ``pidfd`` has ended."""
    with trio.fail_after(60):
        await trio.lowlevel.wait_readable(pidfd)
    os.close(pidfd)


@pytest.mark.live
@pytest.mark.slow
async def test_it_waits_at_the_reset_vector_and_speaks_of_its_version(image: Path) -> None:
    async with launch_qemu(image, smp=2, memory="64M", cpu="qemu64") as qemu:
        assert qemu.endpoint.name == f"launch:{image}"
        assert b"PacketSize=" in await ask(qemu.endpoint.stream, b"qSupported:multiprocess+")
        assert await ask(qemu.endpoint.stream, b"mfffffff0,1") == b"+$ea#c6"  # the far jump at the reset vector
        assert await count_threads(qemu.endpoint.stream) == 2
        installed = await trio.run_process([qemu.argv[0], "--version"], capture_stdout=True)
        assert f"version {qemu.version}" in installed.stdout.decode()
        assert os.getsid(qemu.process.pid) != os.getsid(0)
    assert qemu.process.ended.is_set()


@pytest.mark.live
@pytest.mark.slow
async def test_com1_and_the_debug_port_are_the_guests_output(image: Path) -> None:
    async with launch_qemu(image) as qemu:
        await qemu.endpoint.stream.send_all(b"+$c#63")
        output = b""
        with trio.fail_after(60):
            while len(output) < 2:
                output += await qemu.console.receive_some()
        assert output == b"AB"


@pytest.mark.live
@pytest.mark.slow
async def test_what_the_user_adds_wins(image: Path, tmp_path: Path) -> None:
    com1 = tmp_path / "com1"
    extra = ("-serial", f"file:{com1}", "-machine", "accel=tcg", "--smp", "3", "-nic", "user")
    async with launch_qemu(image, smp=2, extra=extra) as qemu:
        assert await count_threads(qemu.endpoint.stream) == 3
        await qemu.endpoint.stream.send_all(b"+$c#63")
        with trio.fail_after(60):
            assert await qemu.console.receive_some() == b"A"
        assert qemu.argv[-len(extra) :] == extra


@pytest.mark.live
@pytest.mark.slow
async def test_two_may_run_the_same_disk_at_once(image: Path) -> None:
    async with launch_qemu(image) as one, launch_qemu(image) as other:
        assert await ask(one.endpoint.stream, b"qC") == await ask(other.endpoint.stream, b"qC")


@pytest.mark.live
async def test_when_it_is_killed_the_stream_ends_and_it_is_known_how(image: Path) -> None:
    async with launch_qemu(image) as qemu:
        os.kill(qemu.process.pid, signal.SIGKILL)
        with pytest.raises(PeerDied, match=r"^QEMU was killed by SIGKILL"):
            await qemu.endpoint.stream.receive_some()
        assert (await qemu.endpoint.exit_reason()).startswith("QEMU was killed by SIGKILL")
        assert await qemu.console.receive_some() == b""


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("failure", [ValueError, trio.TooSlowError])
async def test_it_is_gone_when_the_block_is_left_in_whatever_way(image: Path, failure: type[Exception]) -> None:
    launched: list[LaunchedQemu] = []

    async def fail() -> None:
        with trio.fail_after(60) as scope:
            async with launch_qemu(image) as qemu:
                launched.append(qemu)
                await qemu.endpoint.stream.send_all(b"+$c#63")
                if failure is trio.TooSlowError:
                    scope.deadline = -1
                    await trio.sleep_forever()
                raise ValueError

    with pytest.raises(failure):
        await fail()
    assert launched[0].process.status == 0


LAUNCH = """
import sys, trio
from transports import launch_qemu

async def main():
    async with launch_qemu(sys.argv[1]) as qemu:
        print(qemu.process.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_it_dies_with_us_however_we_die(image: Path, number: signal.Signals) -> None:
    with start(LAUNCH, str(image)) as us:
        assert us.stdout is not None
        pidfd = os.pidfd_open(int(us.stdout.readline()))
        us.send_signal(number)
        await wait_gone(pidfd)


@pytest.mark.live
@pytest.mark.slow
async def test_what_qemu_refuses_is_said_in_its_own_words(image: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"not a kernel")
    assert "-bogus: invalid option" in await refused(image, extra=("-bogus",))
    assert "no-such-cpu" in await refused(image, cpu="no-such-cpu")
    assert "did not start: " in await refused(image, memory="lots")
    assert "did not start: " in await refused(image, smp=100000)
    assert "did not start: " in await refused(plain)


async def test_what_is_not_there_is_named_before_anything_is_started(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "There is no program '/no/qemu'" in await refused(image, qemu="/no/qemu")
    assert "QEMU is not installed: no qemu-system-x86_64 on PATH" in await refused(image)
    monkeypatch.setattr(qemu_module, "QEMU", "/bin/true")
    assert "There is no guest image" in await refused(tmp_path / "missing")
    assert "There is no guest image" in await refused(tmp_path)


@pytest.mark.parametrize("option", ["-gdb", "--gdb", "-s", "-daemonize"])
async def test_options_that_would_take_the_stub_away_are_refused(image: Path, option: str) -> None:
    assert f"leave out -{option.lstrip('-')}." in await refused(image, qemu="/bin/true", extra=(option, "x"))


async def test_a_program_that_is_no_qemu_is_found_out(image: Path, tmp_path: Path) -> None:
    assert "is it QEMU that --qemu names?" in await refused(image, qemu="/bin/true")
    assert "QEMU did not start: " in await refused(image, qemu="/bin/ls")
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 1000\n")
    silent.chmod(0o755)
    assert "was not ready after 0.05 s" in await refused(image, qemu=str(silent), seconds=0.05)


async def test_kvm_without_a_device_is_one_sentence(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accel: Accelerator = "kvm"
    monkeypatch.setattr(qemu_module, "KVM", "/no/dev/kvm")
    assert "There is no /no/dev/kvm here" in await refused(image, qemu="/bin/true", accel=accel)


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("a.iso", b"x", ["-boot", "d", "-cdrom", "{}"]),
        ("A.ISO", BOOT_SECTOR, ["-boot", "d", "-cdrom", "{}"]),
        ("boot.img", BOOT_SECTOR, ["-drive", "file={},format=raw,if=ide,snapshot=on"]),
        ("disk", BOOT_SECTOR * 4, ["-drive", "file={},format=raw,if=ide,snapshot=on"]),
        ("odd", BOOT_SECTOR + b"x", ["-kernel", "{}"]),
        ("bzImage", BOOT_SECTOR + b"\xeb\x66HdrS".ljust(512, b"\0"), ["-kernel", "{}"]),
        ("kernel.elf", b"\x7fELF", ["-kernel", "{}"]),
        ("empty", b"", ["-kernel", "{}"]),
    ],
)
def test_an_image_is_booted_by_what_it_is(tmp_path: Path, name: str, content: bytes, arguments: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert boot_arguments(path) == [argument.format(path) for argument in arguments]
