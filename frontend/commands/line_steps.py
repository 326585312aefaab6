"""``step`` and ``next``: to another line of the source, as gdb's manual has them ("Continuing and Stepping").

Instructions of a line are stepped where they are few, and run over by a hidden breakpoint where they call. What is
known of a frame is that each CALL and RET was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from frontend.commands.landings import MOST_RETURNS, landed, leave
from frontend.commands.session import Session
from frontend.commands.stepping_over import CALLS, is_stepped_over, step_over
from frontend.commands.stopping import Watched, ends_a_loop, run_to, watch_hits
from frontend.symbols.line_map import LineSpan
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LINEAR_MASKS, LONGEST, shape
from gdbstub.x86.instructions import Shape

How = Literal["step", "next", "until"]
MOST_CODE = 1 << 16
"""Bytes of one line, or of one function, that are looked through for calls."""
PUSH_BP, SET_BP = b"\x55", (b"\x89\xe5", b"\x8b\xec", b"\x48\x89\xe5", b"\x48\x8b\xec")
ENDBR = (b"\xf3\x0f\x1e\xfa", b"\xf3\x0f\x1e\xfb")


class _Code(NamedTuple):
    """The instructions of a span, and those at which stepping has to halt: calls, gates, REP, returns."""

    shapes: dict[int, Shape]
    halts: frozenset[int]


async def step_line(session: Session, span: LineSpan, how: How) -> StopRecord:
    """One ``step`` or ``next`` from a line that is known."""
    return await _LineStep(session, how).run(span)


class _LineStep:
    def __init__(self, session: Session, how: How) -> None:
        self._session = session
        self._how = how
        self._watched: Watched = watch_hits(session)
        self._returns = 0
        self._done = False

    async def run(self, span: LineSpan) -> StopRecord:
        """Until a line begins that is not the one of ``span``, or something else stops the guest."""
        session = self._session
        line = span.file, span.line
        state = await session.state()
        symbol = session.symbols.symbol_at(state.pc) if self._how == "until" else None
        lowest = None if symbol is None else symbol.address
        while True:
            if lowest is not None and lowest < span.first:  # not back into a loop
                span = span._replace(first=lowest)
            record = await self._through(span)
            if self._over(record):
                return record
            state = await session.state()
            if span.first <= state.pc < span.last:
                continue
            found = await session.source.at(state.pc)
            if found is None:
                return record
            begins = state.pc == found.first and found.statement
            if begins and (found.file, found.line) != line:
                return record
            if state.pc != found.first:  # in the middle of a line, which is gone through, too
                line = found.file, found.line
            span = found

    def _over(self, record: StopRecord) -> bool:
        return self._done or ends_a_loop(self._session, record, self._watched)

    async def _through(self, span: LineSpan) -> StopRecord:
        """Go on within a span: up to a halt in it, over one, or out of it."""
        session = self._session
        state = await session.state()
        code = await self._code(span, state)
        if state.pc in code.halts:
            return await self._halt(state, code.shapes[state.pc])
        before = state.pc

        def inside(pc: int) -> bool:
            nonlocal before
            if not span.first <= pc < span.last:
                return False
            before = pc
            return pc not in code.halts

        record = await self._light(inside)
        if self._over(record):
            return record
        state = await session.state()
        known = code.shapes.get(before)
        if span.first <= state.pc < span.last:
            return record
        if known is not None and "branch" in known.traits:
            return await self._jumped(record, state, before)
        if known is not None and state.pc == before + len(known.bytes):
            return record
        return await self._left_for_handler(record, state, before, known)

    async def _left_for_handler(
        self, record: StopRecord, state: CpuState, before: int, known: Shape | None
    ) -> StopRecord:
        landing = await landed(self._session, state)
        if landing is None or self._session.source.into_handlers or self._returns >= MOST_RETURNS:
            if landing is not None:
                self._session.message(
                    f"{landing.name} was taken at {self._session.place(before)}; this is its handler."
                )
                self._done = True
            return record
        self._returns += 1
        return await leave(self._session, landing, before, before + (0 if known is None else len(known.bytes)))

    async def _jumped(self, record: StopRecord, state: CpuState, before: int) -> StopRecord:
        """A jump out of the line. One to code without lines is a call that its caller's return ends (a tail call)."""
        session = self._session
        if await session.source.at(state.pc) is not None or state.pc == before:
            return record
        entered = session.symbols.symbol_at(state.pc)
        if entered is None or entered == session.symbols.symbol_at(before):
            return record
        return await self._out_of_function(record, state)

    async def _out_of_function(self, record: StopRecord, state: CpuState) -> StopRecord:
        """From a function's first instruction to where its caller goes on."""
        width = state.mode // 8
        base = 0 if state.mode == 64 else state.segment_base("ss") or 0
        sp = state.registers["rsp"]
        try:
            back = int.from_bytes(await self._session.read_memory(base + sp, width), "little")
        except Refused:
            return record
        return await run_to(self._session, state.pc - state.rip + back, lowest_sp=sp + width)

    async def _halt(self, state: CpuState, known: Shape) -> StopRecord:
        """At a call, a gate, a REP or a return."""
        session = self._session
        if known.mnemonic not in CALLS or self._how != "step":
            if is_stepped_over(known):
                return await step_over(session)
            return await session.debugger.step()
        if known.relative is not None:
            target = (state.pc + known.relative) & LINEAR_MASKS[state.mode]
            if await session.source.at(target) is None:
                return await step_over(session)
        record = await session.debugger.step()
        if self._over(record):
            return record
        entered = await session.state()
        if await session.source.at(entered.pc) is None:
            return await self._out_of_function(record, entered)
        return await self._behind_prologue(record, entered)

    async def _behind_prologue(self, record: StopRecord, state: CpuState) -> StopRecord:
        """To where a function's own code begins; gdb's rule, in amd64_skip_prologue and handle_step_into_function."""
        session = self._session
        try:
            code = await session.read_memory(state.pc, 8)
        except Refused:
            return record
        skipped = 4 if code[:4] in ENDBR else 0
        if code[skipped : skipped + 1] == PUSH_BP:
            size = next((len(one) for one in SET_BP if code[skipped + 1 :].startswith(one)), 0)
            skipped = skipped + 1 + size if size else 0
        else:
            skipped = 0
        target = state.pc + skipped
        span, symbol = await session.source.at(target), session.symbols.symbol_at(state.pc)
        if span is not None and span.first != target and symbol is not None and span.last < symbol.limit:
            target = span.last
        if target == state.pc:
            return record
        return await self._light(lambda pc: state.pc <= pc < target)

    async def _light(self, go_on: Callable[[int], bool]) -> StopRecord:
        debugger = self._session.debugger
        await debugger.step_while(go_on, interrupted=self._session.interrupted)
        await debugger.explain_newest()
        return debugger.records[-1]

    async def _code(self, span: LineSpan, state: CpuState) -> _Code:
        """What the span's instructions are; from where the guest stands on, at least."""
        first = span.first if span.last - span.first <= MOST_CODE else state.pc
        last = min(span.last, first + MOST_CODE)
        try:
            data = await self._session.read_memory(first, last - first)
        except Refused:
            data = b""
        shapes: dict[int, Shape] = {}
        for at in (first, state.pc):
            while at not in shapes and 0 <= at - first < len(data):
                known = shape(data[at - first : at - first + LONGEST], state.mode)
                if known is None:
                    break
                shapes[at] = known
                at += len(known.bytes)
        halts = frozenset(at for at, known in shapes.items() if _halts(known))
        return _Code(shapes, halts)


def _halts(known: Shape) -> bool:
    return is_stepped_over(known) or known.mnemonic in ("ret", "lret")
