"""Answers that are there already, or come at once: taken without a turn through trio's scheduler."""

from __future__ import annotations

import os
from typing import NamedTuple, Unpack

import trio
from trio.abc import Stream

from gdbstub.protocol.link import Expect
from gdbstub.remote.link_stream import ConnectionOptions, LinkStream, Token

TRIES = 24 if len(os.sched_getaffinity(0)) > 1 else 1
"""How often an answer is looked for: some 40 µs, in which QEMU answers ``g`` on another core."""
TURNS = 32
"""Answers taken so before other tasks get a turn: some 10 ms."""


class Exchange(NamedTuple):
    """What `ExchangingStream.exchange` came to: all answers, or, where they did not come at once, the tokens of what
    was asked (none: it could not be asked so)."""

    answers: tuple[bytes, ...] = ()
    tokens: tuple[Token, ...] = ()


NOT_ASKED = Exchange()


class ExchangingStream(LinkStream):
    """Falls back to the stream where there is no `NonblockingIO`."""

    def __init__(self, stream: Stream, **options: Unpack[ConnectionOptions]) -> None:
        super().__init__(stream, **options)
        self._spins = 0

    @property
    def may_exchange(self) -> bool:
        """Can anything be asked by `exchange` here?"""
        return self._shortcut is not None

    def exchange(self, requests: tuple[bytes, ...], milliseconds: float, expects: Expect = Expect.REPLY) -> Exchange:
        """Ask and take the answers while nobody else gets a turn: for what is answered within microseconds, thousands
        of times. Answers that are long in coming, damaged or out of the ordinary are left to whoever awaits the
        tokens."""
        link, shortcut = self._link, self._shortcut
        if shortcut is None or self._sending or self._lost is not None or not (data := link.begin_exchange(requests)):
            return NOT_ASKED
        sent = shortcut.send(data)
        came, count = b"", len(requests)
        while sent == len(data) and shortcut.wait(milliseconds):
            part = shortcut.receive()
            if not part:
                break  # the end of the stream, which is the stream's to tell
            came += part
            if answers := link.exchanged(came, count, expects):
                return Exchange(answers)
            if answers is None:
                break
        tokens = tuple([Token(token) for token in link.came_otherwise(requests, expects, data[sent:])])
        if came:
            self._digest(came)
        return Exchange((), tokens)

    async def _spin(self, token: Token) -> bool:
        """Take an answer that is there already, or comes at once. Other tasks get their turn all the same."""
        if self._shortcut is None or not self._link.pipelined:
            return False
        self._spins += 1
        if self._spins % TURNS == 0:
            await trio.lowlevel.checkpoint()
        receive = self._shortcut.receive
        for _ in range(TRIES):
            data = receive()
            if data:
                self._digest(data)
                if token in self._answers:
                    return True
            elif data is not None:
                return False
        return False

    async def _wait_briefly(self, token: Token, milliseconds: float) -> None:
        self._spins += 1
        if self._spins % TURNS == 0:
            await trio.lowlevel.checkpoint()
        shortcut = self._shortcut
        while shortcut is not None and token not in self._answers and shortcut.wait(milliseconds):
            data = shortcut.receive()
            if not data:
                return
            self._digest(data)
