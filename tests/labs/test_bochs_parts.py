"""The parts of the lab in Bochs that need no Bochs: the image in memory and its firmware, the shell, the relay."""

from __future__ import annotations

import io
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from elftools.elf.elffile import ELFFile

from tests.guests.machine import QEMU
from tests.labs.bochs import panic
from tests.labs.bochs_linux import unsigned
from tests.labs.bochs_rom import Touch, bochs_rom
from tests.labs.errors import LabError
from tests.labs.flat_image import MIB, START, flat_image, payload, vmlinux
from tests.labs.rom import pvh_entry
from tests.labs.serial_relay import receive_promptly, relayed
from tests.labs.shell import Shell

PROBE = Path(__file__).with_name("pvh_probe.s")
INITRD = b"the root file system"


def probe(folder: Path, base: int = 16 * MIB) -> bytes:
    """The ELF of ``pvh_probe.s``, linked at ``base``."""
    made, image = folder / "probe.o", folder / "probe.elf"
    subprocess.run(["as", "--64", "-mx86-used-note=no", "-o", made, PROBE], check=True)
    layout = [f"-Ttext-segment={base:#x}", "-e", "start", "-z", "max-page-size=0x1000", "-z", "noexecstack"]
    subprocess.run(["ld", "-m", "elf_x86_64", "--build-id=none", *layout, "-o", image, made], check=True)
    return image.read_bytes()


@pytest.mark.live
def test_the_firmware_enters_the_image_with_its_command_line_and_its_root_file_system(tmp_path: Path) -> None:
    image = flat_image(probe(tmp_path), INITRD, "console=ttyS0 quiet", 64 * MIB)
    rom, memory = tmp_path / "rom", tmp_path / "image"
    memory.write_bytes(image.data)
    bochs_rom(rom, image.entry, START, Touch(START, START + len(image.data)))
    assert rom.stat().st_size == 1 << 16
    loaded = ("-device", f"loader,file={memory},addr={START:#x},force-raw=on")
    done = subprocess.run(
        [*QEMU, "-m", "64", "-serial", "stdio", "-bios", rom, *loaded],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["console=ttyS0 quiet", INITRD.decode(), "3"]


def test_the_root_file_system_lies_behind_all_that_the_kernel_takes(tmp_path: Path) -> None:
    elf = probe(tmp_path)
    image = flat_image(elf, INITRD, "", 64 * MIB)
    end = max(s["p_paddr"] + s["p_memsz"] for s in ELFFile(io.BytesIO(elf)).iter_segments("PT_LOAD"))
    assert image.entry == pvh_entry(ELFFile(io.BytesIO(elf)))
    assert START + image.data.index(INITRD) >= end
    assert image.data.endswith(INITRD)


def test_a_kernel_below_the_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has to move"):
        flat_image(probe(tmp_path, base=MIB), INITRD, "", 64 * MIB)


def bzimage(packed: bytes, sectors: int = 2) -> bytes:
    """One with ``packed`` behind ``sectors`` of set-up code, as Documentation/arch/x86/boot.rst has it."""
    setup = bytearray((sectors + 1) * 512)
    setup[0x1F1] = sectors
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<2I", setup, 0x248, 16, len(packed))
    return bytes(setup) + bytes(16) + packed + b"behind it"


def test_the_packed_kernel_is_found_in_its_image() -> None:
    assert payload(bzimage(b"\x02\x21\x4c\x18 packed")) == b"\x02\x21\x4c\x18 packed"


def test_what_is_no_kernel_and_what_is_packed_otherwise_are_a_sentence_each() -> None:
    with pytest.raises(LabError, match="no bzImage"):
        payload(bytes(4096))
    with pytest.raises(LabError, match="LZ4, and this one begins with 28b52ffd"):
        vmlinux(bzimage(b"\x28\xb5\x2f\xfd packed"))


def test_a_module_loses_its_signature_and_nothing_else() -> None:
    signature = b"s" * 300
    head = bytes(8) + len(signature).to_bytes(4, "big")
    signed = b"\x7fELF module" + signature + head + b"~Module signature appended~\n"
    assert unsigned(signed) == b"\x7fELF module"
    assert unsigned(b"\x7fELF module") == b"\x7fELF module"


def test_why_bochs_gave_up_is_the_sentence_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert panic(log) == ""
    log.write_text("000i[      ] started\n000p[SER   ] >>PANIC<< com1: bind() or listen() failed (port:1)\n")
    assert panic(log) == "Bochs gave up: com1: bind() or listen() failed (port:1)"


LOOP = 'echo "[1.0] booting"; echo LAB-READY; while read -r line; do eval "$line"; done'
"""What the first program of the lab's Linux ends with."""


@asynccontextmanager
async def shell(script: str = LOOP) -> AsyncIterator[tuple[Shell, list[str]]]:
    """A real shell, and what it said before it was ready."""
    said: list[str] = []
    pipe = subprocess.PIPE
    process = await trio.lowlevel.open_process(["sh", "-c", script], stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None

    async def gone() -> str:
        return "it ended."

    try:
        yield Shell(process.stdout.receive_some, process.stdin.send_all, gone, said.append), said
    finally:
        process.kill()
        await process.wait()
        await process.stdin.aclose()
        await process.stdout.aclose()


async def test_a_shell_that_is_ready_runs_line_after_line() -> None:
    async with shell() as (lab, said):
        await lab.wait_ready(20)
        assert said == ["[1.0] booting"]
        assert (await lab.run("printf one")).strip() == "one"
        assert (await lab.run("echo two; echo three >&2")).split() == ["two", "three"]


async def test_a_command_that_fails_says_what_it_said() -> None:
    async with shell() as (lab, _):
        await lab.wait_ready(20)
        with pytest.raises(LabError, match=r"`echo no; false` ended with status 1: no"):
            await lab.run("echo no; false")
        assert (await lab.run("echo on")).strip() == "on"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo LAB-FAILED insmod kvm", "does not come up: LAB-FAILED insmod kvm"),
        ("echo '[2.0] Kernel panic - not syncing'", r"Kernel panic - not syncing"),
        ("echo '[2.0] booting'", "is gone: it ended"),
    ],
)
async def test_a_linux_that_does_not_come_up_is_a_sentence(script: str, why: str) -> None:
    async with shell(script) as (lab, _):
        with pytest.raises(LabError, match=why):
            await lab.wait_ready(20)


async def test_a_linux_that_hangs_ends_at_the_deadline_with_its_last_words() -> None:
    async with shell("echo '[2.0] last'; sleep 100") as (lab, said):
        with pytest.raises(LabError, match=r"in 0\.5 seconds; the last it said was: \[2\.0\] last"):
            await lab.wait_ready(0.5)
        assert said == ["[2.0] last"]


@asynccontextmanager
async def line_over_tcp() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """A serial line of Bochs: (our end, Bochs's end)."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        ours = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        async with ours, await listener.accept() as theirs:
            yield ours, theirs


async def exactly(stream: trio.SocketStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += bytes(await stream.receive_some(size - len(data)))
    return data


async def test_one_client_after_the_other_has_the_line_and_its_end_is_theirs(tmp_path: Path) -> None:
    path = tmp_path / "gdb.sock"
    with trio.fail_after(20):
        async with line_over_tcp() as (ours, bochs), relayed(ours, path):
            for question in (b"$?#3f", b"$g#67"):
                async with await trio.open_unix_socket(path) as client:
                    await client.send_all(question)
                    assert await exactly(bochs, len(question)) == question
                    await bochs.send_all(b"+$OK#9a")
                    assert await exactly(client, 7) == b"+$OK#9a"
            async with await trio.open_unix_socket(path) as last:
                await last.send_all(b"+")
                await exactly(bochs, 1)
                await bochs.aclose()
                assert await last.receive_some() == b""


async def test_a_line_is_acknowledged_at_once() -> None:
    """Byte by byte with Nagle's algorithm, as Bochs writes: 40 ms for each pair if it were not."""
    async with line_over_tcp() as (ours, bochs):
        bochs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        quick: list[int] = []
        for _ in range(20):
            await bochs.send_all(b"x")
            assert await receive_promptly(ours) == b"x"
            quick.append(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK))
        assert all(quick)
