"""Tasks beside the one that executes: interrupts of the user, the time that the guest runs."""

from __future__ import annotations

import trio

from frontend.commands.session import Session
from frontend.tui.controls import Screen
from frontend.tui.events import Ticked
from gdbstub.errors import GdbError

TICK_SECONDS = 1.0


async def tick(screen: Screen) -> None:
    """While the guest runs, say how long it has."""
    while True:
        await trio.sleep(TICK_SECONDS)
        if screen.view.running or screen.view.ran:
            screen.dispatch(Ticked())


async def interrupt(session: Session, screen: Screen, asked: trio.MemoryReceiveChannel[None]) -> None:
    """Interrupt the guest as often as it is asked for."""
    async for _ in asked:
        try:
            await session.interrupt()
        except GdbError as error:
            screen.complain(str(error))
