"""``dr6 demo`` without a screen: each explained stop of the bundled guest, then what it did without any."""

from __future__ import annotations

from frontend.cli.attach import print_stop, speak
from frontend.cli.connect import TargetOptions, open_session
from frontend.cli.exit_codes import DONE, INTERRUPTED
from frontend.cli.interrupts import Interrupts
from frontend.commands import execute
from frontend.commands.session import Session
from frontend.demo_guest import DEMO_EVENTS, MEASURED, DemoEvent
from gdbstub.explain.quirks.lookup import explained
from gdbstub.x86.exceptions import vector

STARTUP = ("catch db,bp,ud,gp,pf,df", "continue")
"""The commands before the first stop; the last one again and again."""
WELCOME = "New here? tour shows the screen in six steps; ? shows the keys."


async def demo(connection: TargetOptions, interrupts: Interrupts) -> int:
    """Catch all that the demo guest raises and print it; the exit code."""
    async with open_session(connection) as session:
        speak(session, interrupts)
        session.show_stop = lambda record: print_stop(session, record)
        for line in STARTUP[:-1]:
            await execute(session, line)
        while not interrupts.seen:
            await execute(session, STARTUP[-1])
            if session.debugger.ended:
                _print_silent(session)
                return DONE
    return INTERRUPTED


def _print_silent(session: Session) -> None:
    """No stop can show an exception that did not come; the demo knows what its guest did, and can."""
    silent = silent_events(session)
    if silent:
        print("The guest also did this, and no exception came:")
    for event in silent:
        print(f"  {event.title}, at {event.instruction}: {_why(session, event)}")


def silent_events(session: Session) -> list[DemoEvent]:
    """The events of the list that no caught frame belongs to."""
    frames = [record.event.frame for record in session.debugger.records if record.event is not None]
    saved = {frame.rip for frame in frames if frame is not None}
    places = {event.name: {session.symbols.lookup(name) for name in _own(event)} for event in DEMO_EVENTS}
    return [event for event in DEMO_EVENTS if saved.isdisjoint(places[event.name])]


def _own(event: DemoEvent) -> set[str]:
    around = {event.instruction + suffix for suffix in ("", "_next", "_after", "_target")}
    return around | {raised.rip for raised in event.raised}


def _why(session: Session, event: DemoEvent) -> str:
    if event.needs:
        return f"it needs {event.needs}, which the guest looks for with CPUID."
    backend = session.debugger.backend
    release = ".".join((backend.version or "").split(".")[:2])
    known = MEASURED.get((backend.name, release), {}).get(event.name)
    due = vector(event.raised[0].vector).name
    if known is None:
        return f"hardware raises {due}. contradiction: this platform does not, and it is no quirk that we know."
    quirk = explained(session.debugger.platform, *known.quirks)
    return f"hardware raises {due}. contradiction: {backend.name} {backend.version} does not; {known.why}.{quirk}"
