"""``struct kvm_run`` is read out of the process that has the stub's socket and a vCPU: here, and behind words."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from transports import HelperFailed, LocalKvmRun, RemoteKvmRun, kvm_run_reader, stub_socket
from transports.kvm_run import StubSocket
from transports.kvm_run_reader import CannotLook, find, sockets, vcpus

KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)
NEEDS_KVM = pytest.mark.skipif(not KVM, reason="/dev/kvm is not there, or not ours to use")
HOLDER = """
import fcntl, mmap, os, socket, sys
CREATE_VM, CREATE_VCPU, MMAP_SIZE = 0xAE01, 0xAE41, 0xAE04
kvm = os.open("/dev/kvm", os.O_RDWR)
machine = fcntl.ioctl(kvm, CREATE_VM, 0)
pages = []
for cpu in (0, 1):
    vcpu = fcntl.ioctl(machine, CREATE_VCPU, cpu)
    pages.append(mmap.mmap(vcpu, fcntl.ioctl(kvm, MMAP_SIZE, 0)))
    pages[-1][:64] = bytes([cpu + 1] * 64)
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
print("ready", flush=True)
client = listening.accept()
sys.stdin.read()
"""
"""What a QEMU has of KVM and its stub, and no more."""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[str]:
    """The path of its socket."""
    path = str(tmp_path / "stub")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield path
        process.kill()


async def connected(path: str) -> trio.SocketStream:
    return await trio.open_unix_socket(path)


@NEEDS_KVM
async def test_it_is_read_from_the_process_behind_the_socket(holder: str) -> None:
    async with await connected(holder) as stream:
        run = LocalKvmRun(stub_socket(stream))
        assert [await run.read(cpu) for cpu in (1, 0)] == [b"\2" * 64, b"\1" * 64]
        with pytest.raises(HelperFailed, match="has no vCPU 7"):
            await run.read(7)
        await run.aclose()
        await run.aclose()


@NEEDS_KVM
async def test_the_same_reader_answers_behind_words(holder: str) -> None:
    async with await connected(holder) as stream:
        run = RemoteKvmRun("env -u NOTHING", stub_socket(stream))
        assert [await run.read(cpu) for cpu in (0, 1, 0)] == [b"\1" * 64, b"\2" * 64, b"\1" * 64]
        with pytest.raises(HelperFailed, match=r"behind --host 'env -u NOTHING' QEMU .* has no vCPU 7"):
            await run.read(7)
        await run.aclose()
        await run.aclose()


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("false", "ended with status 1"),
        ("/nowhere/at/all", "No such file"),
        ("sh -c exit", "the program there ended"),
        ("sh -c 'echo kvm_run zz; cat > /dev/null'", "non-hexadecimal"),
        ("sh -c 'yes | tr -d \\\\n'", "the program there ended"),
    ],
)
async def test_words_that_lead_nowhere_are_one_sentence(prefix: str, why: str) -> None:
    run = RemoteKvmRun(prefix, StubSocket())
    with pytest.raises(HelperFailed, match=why) as raised:
        await run.read(0)
    await run.aclose()
    assert str(raised.value).startswith("DR6 and DR7 of the exits are not read from KVM's struct kvm_run: ")


def test_words_that_do_not_end_are_said() -> None:
    with pytest.raises(HelperFailed, match="can't be cut into words"):
        RemoteKvmRun("ssh 'root", StubSocket())


def test_one_qemu_with_kvm_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vcpus(os.getpid()) == {}
    assert vcpus(1 << 30) == {}
    monkeypatch.setattr(kvm_run_reader, "_processes", lambda: [os.getpid()])
    with pytest.raises(CannotLook, match="no QEMU with KVM that this user may look into"):
        find(alone=True)
    monkeypatch.setattr(kvm_run_reader, "vcpus", lambda pid: {0: 0x1000})
    assert find(alone=True) == os.getpid()
    with pytest.raises(CannotLook, match="no QEMU with KVM that this user may look into"):
        find()  # it may be another guest's, where the stub is on another machine
    monkeypatch.setattr(kvm_run_reader, "_processes", lambda: [os.getpid(), os.getpid()])
    with pytest.raises(CannotLook, match="several QEMUs"):
        find(alone=True)


async def test_what_has_no_right_to_look_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm_run_reader, "_processes", lambda: [1 << 30])
    monkeypatch.setattr(kvm_run_reader, "vcpus", lambda pid: {0: 0x1000})
    monkeypatch.setattr(kvm_run_reader, "sockets", lambda *stub: {"1"})
    monkeypatch.setattr(kvm_run_reader, "_holds", lambda pid, wanted: True)
    with pytest.raises(HelperFailed, match=r"does not let its memory be read: .*\. Run dr6 as root"):
        await LocalKvmRun(StubSocket(path="/somewhere")).read(0)


async def test_the_stubs_end_of_a_connection_is_found_by_its_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with await trio.open_tcp_stream("127.0.0.1", listening.getsockname()[1]) as stream:
            served, _ = listening.accept()
            with served:
                stub = stub_socket(stream)
                assert (stub.server, stub.client) == (served.getsockname()[1], served.getpeername()[1])
                inode = str(os.fstat(served.fileno()).st_ino)
                assert sockets(*stub) == {inode}
                assert sockets(stub.server, 0, "") == {inode, str(os.fstat(listening.fileno()).st_ino)}


async def test_of_what_is_no_socket_nothing_is_known() -> None:
    assert stub_socket(trio.testing.memory_stream_pair()[0]) == StubSocket()
