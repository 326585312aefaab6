"""``backtrace``, ``frame``, ``up``, ``down``: the callers, and which of them is looked at."""

from __future__ import annotations

from frontend.clean import clean
from frontend.commands.frames import DEEPEST
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, number
from frontend.commands.unwinding import unwind
from frontend.symbols.engine import TraceFrame


async def backtrace_(session: Session, arguments: Arguments) -> None:
    words = [word for word in arguments.text.split() if word not in ("-full", "full")]
    most = number(words[0], "number of frames") if words else DEEPEST
    trace = await unwind(session)
    shown = trace.frames[:most] if most >= 0 else trace.frames[most:]
    first = 0 if most >= 0 else max(0, len(trace.frames) + most)
    for at, frame in enumerate(shown, first):
        session.out(frame_line(session, at, frame))
    if len(shown) < len(trace.frames) and most >= 0:
        session.out("(More frames follow...)")
    elif trace.note:
        session.out(trace.note)


def frame_line(session: Session, at: int, frame: TraceFrame) -> str:
    """As gdb writes it: an address where no line of the source begins, the function, its arguments, the source."""
    address = f"{frame.pc:#018x}"
    if frame.how or not frame.source or frame.arguments is None:
        name = f" <{clean(frame.name)}+{frame.offset}>" if frame.offset else f" <{clean(frame.name)}>"
        how = f"  ({frame.how})" if frame.how else "  (interrupted)" if at and frame.interrupted else ""
        line = f" at {clean(str(frame.source))}" if frame.source else ""
        return f"#{at:<2} {address}{name if frame.name else session.symbols.text(frame.pc)}{line}{how}"
    arguments = ", ".join(f"{clean(one.name)}={one.text}" for one in frame.arguments)
    place = "" if frame.inline or (at == 0 and not frame.offset) else f"{address} in "
    interrupted = "  (interrupted)" if at and frame.interrupted and not frame.inline else ""
    return f"#{at:<2} {place}{clean(frame.name)} ({arguments}) at {clean(str(frame.source))}{interrupted}"


async def frame_(session: Session, arguments: Arguments) -> None:
    """``frame [N]``."""
    text = arguments.text.removeprefix("level ").strip()
    await _select(session, number(text, "frame number") if text else session.frame)


async def up(session: Session, arguments: Arguments) -> None:
    await _move(session, arguments, 1)


async def down(session: Session, arguments: Arguments) -> None:
    await _move(session, arguments, -1)


async def _move(session: Session, arguments: Arguments, way: int) -> None:
    count = number(arguments.text, "number of frames") if arguments.text else 1
    trace = await unwind(session)
    wanted = session.frame + way * count
    if session.frame == (len(trace.frames) - 1 if way > 0 else 0):
        raise CommandError("Initial frame selected; you can't go up." if way > 0 else "Bottom frame selected.")
    await _select(session, min(max(wanted, 0), len(trace.frames) - 1))


async def _select(session: Session, wanted: int) -> None:
    trace = await unwind(session)
    if not 0 <= wanted < len(trace.frames):
        raise CommandError(f"No frame at level {wanted}; the trace has {len(trace.frames)}.")
    session.frame = wanted
    session.out(frame_line(session, wanted, trace.frames[wanted]))


COMMANDS = (
    Command(
        "backtrace",
        ("bt", "where"),
        "[N | -N]",
        "Show the callers: by debug information, or as far as frame pointers tell.",
        backtrace_,
        "status",
        "With vmlinux and drgn they go through interrupts, the IST's stacks and inlined functions into the program "
        "that was interrupted. Without, each return address has a call in front, and it is said how it was found.",
    ),
    Command("frame", ("f",), "[N]", "Show a frame of the trace, or look at that one.", frame_, "status"),
    Command("up", (), "[N]", "Look at the caller of the frame that is looked at.", up, "status", repeat="same"),
    Command("down", (), "[N]", "Look at the frame that it called.", down, "status", repeat="same"),
)
