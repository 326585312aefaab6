"""Who is there, and what each side can: the handshake, threads, the description, ``monitor``, and taking leave."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import decode_hex, encode_hex, format_stop, messages, shown
from gdbstub.server.client_features import PROCESS
from gdbstub.server.handlers.resume import ACTIONS, thread_of
from gdbstub.server.monitor_commands import answer

if TYPE_CHECKING:
    from gdbstub.server.session import Client


async def supported(client: Client, payload: bytes) -> bytes:
    return client.manners.take(payload)


async def why_stopped(client: Client, _: bytes) -> bytes:
    return format_stop(await client.stand())


async def ok(client: Client, _: bytes) -> bytes:
    return b"OK"


async def nothing(client: Client, _: bytes) -> bytes:
    """Not known here, and never asked of the stub."""
    return b""


async def actions(client: Client, _: bytes) -> bytes:
    return ACTIONS


async def attached(client: Client, _: bytes) -> bytes:
    """1: a client that quits detaches instead of killing the guest."""
    return b"1"


async def non_stop(client: Client, payload: bytes) -> bytes:
    if payload.endswith(b":0"):
        return b"OK"
    raise GdbError("dr6 has no non-stop mode: all vCPUs of the guest stop together.")


# -- threads ------------------------------------------------------------------------------------------------


async def current_thread(client: Client, _: bytes) -> bytes:
    return b"QC" + client.manners.thread(client.debugger.cpu).format()


async def first_threads(client: Client, _: bytes) -> bytes:
    return messages.format_threads(client.manners.thread(cpu) for cpu in client.debugger.capabilities.cpus)


async def more_threads(client: Client, _: bytes) -> bytes:
    return b"l"


async def choose_for_all(client: Client, payload: bytes) -> bytes:
    client.cpu = client.cpu_of(thread_of(payload[2:]))
    return b"OK"


async def choose_for_running(client: Client, payload: bytes) -> bytes:
    client.run_cpu = client.cpu_of(thread_of(payload[2:]))
    return b"OK"


async def is_alive(client: Client, payload: bytes) -> bytes:
    client.cpu_of(thread_of(payload[1:]))
    return b"OK"


async def thread_name(client: Client, payload: bytes) -> bytes:
    cpu = client.cpu_of(thread_of(payload.partition(b",")[2]))
    return encode_hex(thread_text(client, client.debugger.cpu if cpu is None else cpu).encode())


def thread_text(client: Client, cpu: int) -> str:
    """What gdb shows behind a thread."""
    return f"vCPU {cpu}" + (", stopped last" if cpu == client.debugger.cpu else "")


async def threads_object(client: Client, payload: bytes) -> bytes:
    lines = ['<?xml version="1.0"?>', "<threads>"]
    for cpu in client.debugger.capabilities.cpus:
        name = client.manners.thread(cpu).format().decode()
        lines.append(f'<thread id={quoteattr(name)} core="{cpu}">{thread_text(client, cpu)}</thread>')
    _, offset, length = messages.parse_object_part(payload)
    return messages.format_xfer("\n".join([*lines, "</threads>", ""]).encode(), offset, length)


async def description(client: Client, payload: bytes) -> bytes:
    annex, offset, length = messages.parse_object_part(payload)
    if annex != "target.xml":
        raise RemoteProtocolError(f"The target description has one part, target.xml, and none named {annex!r}.")
    return messages.format_xfer(client.registers.description, offset, length)


# -- monitor --------------------------------------------------------------------------------------------------


async def monitor(client: Client, payload: bytes) -> bytes:
    try:
        command = decode_hex(payload.removeprefix(b"qRcmd,")).decode("utf-8", "replace")
        text = await answer(client, command)
    except GdbError as error:
        text = f"{error}"
    client.print(text if text.endswith("\n") or not text else f"{text}\n")
    return b"OK"


# -- the rest goes to the stub as it is ---------------------------------------------------------------------


async def pass_on(client: Client, payload: bytes) -> bytes:
    """``qqemu.…`` and what gdb extensions invented."""
    return await client.reach(lambda: client.debugger.ask_stub(payload))


async def physical_mode(client: Client, payload: bytes) -> bytes:
    """``Qqemu.PhyMemMode``: QEMU has one switch for everybody; here it is each client's own."""
    if await client.reach(lambda: client.debugger.ask_stub(b"qqemu.PhyMemMode")) == b"":
        return b""
    client.physical = payload.endswith(b":1")
    return b"OK"


async def is_physical(client: Client, payload: bytes) -> bytes:
    return b"1" if client.physical else b"0"


# -- taking leave -------------------------------------------------------------------------------------------


async def detach(client: Client, payload: bytes) -> bytes:
    """``D``; a process that does not exist is refused here, since QEMU dies of one."""
    _check_process(payload)
    client.detach()
    return b"OK"


def _check_process(payload: bytes) -> None:
    _, named, process = payload.partition(b";")
    if named and process.lstrip(b"0") != b"%x" % PROCESS:  # lldb writes sixteen digits
        raise RemoteProtocolError(f"There is no process {shown(process)}; the guest is process {PROCESS}.")


async def kill_process(client: Client, payload: bytes) -> bytes:
    _check_process(payload)
    client.policy.check_kill()
    await client.reach(client.debugger.kill)
    client.detach()
    return b"OK"


async def kill(client: Client, payload: bytes) -> bytes:
    """``k`` has no answer. Where it is not allowed it is a farewell."""
    if client.policy.kill:
        await client.reach(client.debugger.kill)
    client.detach()
    return b""
