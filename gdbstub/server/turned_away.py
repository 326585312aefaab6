"""A client for which there is no place: it is told so in the answer to each request, until it goes.

gdb shows the second (to vMustReplyEmpty) as the error of ``target remote``, and leaves.
"""

from __future__ import annotations

from contextlib import suppress

import trio
from trio.abc import Stream

from gdbstub.protocol import Link, Lost, Request, Role, server_messages

SECONDS = 2.0
"""How long it may stay."""


async def turn_away(stream: Stream, why: str) -> None:
    """Say ``why``, a sentence, until the client leaves or `SECONDS` are over."""
    link = Link(Role.SERVER)
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(SECONDS):
        while True:
            events = link.receive(bytes(await stream.receive_some(4096)))
            if any(isinstance(event, Lost) for event in events):
                break
            for _ in (event for event in events if isinstance(event, Request)):
                link.reply(server_messages.format_error_text(why))
            await stream.send_all(link.data_to_send())
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(stream)
