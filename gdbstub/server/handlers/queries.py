"""Who is there, and what each side can: the handshake, threads, the description, ``monitor``, and taking leave."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from gdbstub.errors import BadField, GdbError, RemoteProtocolError
from gdbstub.protocol import decode_hex, encode_hex, parse_supported, server_messages, shown
from gdbstub.server.client_features import MACHINE, PROCESS
from gdbstub.server.handlers.resume import ACTIONS, thread_of
from gdbstub.server.monitor_commands import answer
from gdbstub.server.session import ClientSession


async def supported(session: ClientSession, payload: bytes) -> bytes:
    process = session.debugger.process
    more = process.offers | {"multiprocess": process.numbered} if process else MACHINE
    if process:
        await session.reach(lambda: process.follow(parse_supported(payload)))
    return session.features.take(payload, session.debugger.goes_back, more)


async def why_stopped(session: ClientSession, _: bytes) -> bytes:
    return await session.stand()


async def ok(session: ClientSession, _: bytes) -> bytes:
    return b"OK"


async def nothing(session: ClientSession, _: bytes) -> bytes:
    """Not known here, and never asked of the stub."""
    return b""


async def actions(session: ClientSession, _: bytes) -> bytes:
    return ACTIONS


async def attached(session: ClientSession, _: bytes) -> bytes:
    """1: a client that quits detaches instead of killing the guest."""
    return b"1"


async def non_stop(session: ClientSession, payload: bytes) -> bytes:
    if payload.endswith(b":0"):
        return b"OK"
    raise GdbError("dr6 has no non-stop mode: all vCPUs of the guest stop together.")


# -- threads ------------------------------------------------------------------------------------------------


async def current_thread(session: ClientSession, _: bytes) -> bytes:
    return b"QC" + session.features.thread(session.debugger.cpu).format()


async def first_threads(session: ClientSession, _: bytes) -> bytes:
    return server_messages.format_threads(session.features.thread(cpu) for cpu in session.debugger.capabilities.cpus)


async def more_threads(session: ClientSession, _: bytes) -> bytes:
    return b"l"


async def choose_for_all(session: ClientSession, payload: bytes) -> bytes:
    session.cpu = session.cpu_of(thread_of(payload[2:]))
    return b"OK"


async def choose_for_running(session: ClientSession, payload: bytes) -> bytes:
    session.run_cpu = session.cpu_of(thread_of(payload[2:]))
    return b"OK"


async def is_alive(session: ClientSession, payload: bytes) -> bytes:
    session.cpu_of(thread_of(payload[1:]))
    return b"OK"


async def thread_name(session: ClientSession, payload: bytes) -> bytes:
    cpu = session.cpu_of(thread_of(payload.partition(b",")[2]))
    cpu = session.debugger.cpu if cpu is None else cpu
    ours, theirs = thread_text(session, cpu), await _stubs_text(session, cpu)
    return encode_hex((f"{theirs}; {ours}" if theirs else ours).encode())


async def _stubs_text(session: ClientSession, cpu: int) -> str:
    """What the stub says of a thread: QEMU has its model and whether it is halted."""
    query = b"qThreadExtraInfo," + session.debugger.thread(cpu).format()
    answer = await session.reach(lambda: session.debugger.ask_stub(query))
    try:
        text = decode_hex(answer).decode("utf-8", "replace")
    except BadField:  # an error, or no text
        return ""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def thread_text(session: ClientSession, cpu: int) -> str:
    """What gdb shows behind a thread."""
    return f"vCPU {cpu}" + (", stopped last" if cpu == session.debugger.cpu else "")


async def thread_area(session: ClientSession, payload: bytes) -> bytes:
    """``qGetTLSAddr``, ``qGetTIBAddr``: the stub knows, by its own name of the thread."""
    query, _, rest = payload.partition(b":")
    thread, comma, more = rest.partition(b",")
    cpu = session.cpu_of(thread_of(thread))
    named = session.debugger.thread(session.chosen_cpu if cpu is None else cpu).format()
    return await session.reach(lambda: session.debugger.ask_stub(query + b":" + named + comma + more))


async def threads_object(session: ClientSession, payload: bytes) -> bytes:
    lines = ['<?xml version="1.0"?>', "<threads>"]
    for cpu in session.debugger.capabilities.cpus:
        name = session.features.thread(cpu).format().decode()
        lines.append(f'<thread id={quoteattr(name)} core="{cpu}">{thread_text(session, cpu)}</thread>')
    _, offset, length = server_messages.parse_object_part(payload)
    return server_messages.format_xfer("\n".join([*lines, "</threads>", ""]).encode(), offset, length)


async def description(session: ClientSession, payload: bytes) -> bytes:
    annex, offset, length = server_messages.parse_object_part(payload)
    if annex != "target.xml":
        raise RemoteProtocolError(f"The target description has one part, target.xml, and none named {annex!r}.")
    return server_messages.format_xfer(session.registers.description, offset, length)


# -- monitor --------------------------------------------------------------------------------------------------


async def monitor(session: ClientSession, payload: bytes) -> bytes:
    try:
        command = decode_hex(payload.removeprefix(b"qRcmd,")).decode("utf-8", "replace")
        text = await answer(session, command)
    except GdbError as error:
        text = f"{error}"
    await session.print_whole(text if text.endswith("\n") or not text else f"{text}\n")
    return b"OK"


# -- the rest goes to the stub as it is ---------------------------------------------------------------------


async def pass_on(session: ClientSession, payload: bytes) -> bytes:
    """``qqemu.…`` and what gdb extensions invented."""
    return await session.reach(lambda: session.debugger.ask_stub(payload))


# -- taking leave -------------------------------------------------------------------------------------------


async def detach(session: ClientSession, payload: bytes) -> bytes:
    """``D``; a process that does not exist is refused here, since QEMU dies of one."""
    _check_process(session, payload)
    session.detach()
    return b"OK"


def _check_process(session: ClientSession, payload: bytes) -> None:
    _, named, process = payload.partition(b";")
    ours = session.debugger.thread(session.debugger.cpu).process if session.debugger.process else PROCESS
    if named and process.lstrip(b"0") != b"%x" % (PROCESS if ours is None else ours):  # lldb writes sixteen digits
        raise RemoteProtocolError(f"There is no process {shown(process)}; the guest is process {ours}.")


async def kill_process(session: ClientSession, payload: bytes) -> bytes:
    _check_process(session, payload)
    session.policy.check_kill()
    await session.reach(session.debugger.kill)
    session.detach()
    return b"OK"


async def kill(session: ClientSession, payload: bytes) -> bytes:
    """``k`` has no answer. Where it is not allowed it is a farewell."""
    if session.policy.kill:
        await session.reach(session.debugger.kill)
    session.detach()
    return b""
