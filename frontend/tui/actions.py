"""What keys do: functions of the `Controls`, each with its sentence for the help."""

from __future__ import annotations

from collections.abc import Callable

from frontend.commands.memory_view import MEMORY
from frontend.tui.cursor import go_to_operand, neighbour, place, run_here, toggle_breakpoint
from frontend.tui.debug_bits import next_bit
from frontend.tui.events import FilterStops, Focus, OpenPalette, Palette, PutCursor, SelectBit, SelectStop, Toggle, Walk
from frontend.tui.key_controls import Controls
from frontend.tui.view import CODE, PROMPT

Action = Callable[[Controls], None]


def step(controls: Controls) -> None:
    """step one instruction"""
    controls.submit("stepi")


def step_over(controls: Controls) -> None:
    """step over a call, an interrupt or a repeated string instruction"""
    controls.submit("nexti")


def resume(controls: Controls) -> None:
    """continue"""
    controls.submit("continue")


def finish(controls: Controls) -> None:
    """run until the function returns"""
    controls.submit("finish")


def run_to_cursor(controls: Controls) -> None:
    """run to the cursor in the code"""
    if (command := run_here(controls.view)) is not None:
        controls.submit(command)


def breakpoint_here(controls: Controls) -> None:
    """set or delete a breakpoint at the cursor"""
    seen = controls.view
    controls.submit_here(lambda now: toggle_breakpoint(seen, now))


def interrupt(controls: Controls) -> None:
    """stop the running guest; clear the prompt while it is stopped"""
    controls.interrupt()


def leave(controls: Controls) -> None:
    """quit (asks how to leave the guest)"""
    controls.leave()


def older(controls: Controls) -> None:
    """look at the stop before"""
    controls.dispatch(Walk(-1))


def newer(controls: Controls) -> None:
    """look at the stop after"""
    controls.dispatch(Walk(1))


def oldest(controls: Controls) -> None:
    """look at the oldest stop"""
    controls.dispatch(SelectStop(0))


def newest(controls: Controls) -> None:
    """back to the newest stop"""
    controls.dispatch(SelectStop(None))


def event_before(controls: Controls) -> None:
    """look at the event before, past all steps"""
    controls.dispatch(Walk(-1, events=True))


def event_after(controls: Controls) -> None:
    """look at the event after"""
    controls.dispatch(Walk(1, events=True))


def events_only(controls: Controls) -> None:
    """in the list of stops: events only, and all again"""
    now = controls.view.filter
    controls.dispatch(FilterStops(now._replace(events=not now.events)))


def by_cpu(controls: Controls) -> None:
    """in the list of stops: those of vCPU 0, 1, …, and all again"""
    view = controls.view
    cpu = 0 if view.filter.cpu is None else view.filter.cpu + 1
    controls.dispatch(FilterStops(view.filter._replace(cpu=None if cpu >= view.cpus else cpu)))


def by_cause(controls: Controls) -> None:
    """in the list of stops: those with the cause of the one that is looked at, and all again"""
    now, record = controls.view.filter, controls.view.record
    cause = "" if now.cause or record is None else record.explanation.causes[0].cause
    controls.dispatch(FilterStops(now._replace(cause=cause)))


def search_stops(controls: Controls) -> None:
    """search the stops: the prompt begins with stops /"""
    controls.type("stops /")


def page_up(controls: Controls) -> None:
    """scroll up: the pane that has the keys, or the messages"""
    controls.scroll(pages=-1)


def page_down(controls: Controls) -> None:
    """scroll down"""
    controls.scroll(pages=1)


def next_pane(controls: Controls) -> None:
    """give the keys to the next pane"""
    controls.next_pane(1)


def previous_pane(controls: Controls) -> None:
    """give the keys to the pane before"""
    controls.next_pane(-1)


def prompt(controls: Controls) -> None:
    """back to the prompt"""
    controls.dispatch(Focus(PROMPT))


def _move(controls: Controls, by: int) -> None:
    view = controls.view
    if view.focus == CODE and place(view) is not None:
        controls.dispatch(PutCursor(neighbour(view, by)))
    elif view.focus == "stops":
        controls.dispatch(Walk(by))
    elif view.focus == "dr":
        controls.dispatch(SelectBit(next_bit(view.bit, by)))
    elif view.focus == MEMORY:
        controls.move_byte(rows=by)
    else:
        controls.scroll(lines=by)


def up(controls: Controls) -> None:
    """up: the cursor in the code, the stop in the list, the bit of a register, the row of the memory, else scroll"""
    _move(controls, -1)


def down(controls: Controls) -> None:
    """down"""
    _move(controls, 1)


def left(controls: Controls) -> None:
    """in the memory: the byte before"""
    controls.move_byte(by=-1)


def right(controls: Controls) -> None:
    """in the memory: the byte behind"""
    controls.move_byte(by=1)


def undo(controls: Controls) -> None:
    """take back what set wrote last into memory or a register"""
    controls.submit("undo")


def follow(controls: Controls) -> None:
    """code: go to what the instruction names; stops: unfold the steps; memory: set a byte; else: back to the prompt"""
    if controls.view.focus == MEMORY and (area := controls.view.extras.memory) is not None and area.data:
        controls.type(f"set {{u8}}{area.address + min(controls.view.byte, len(area.data) - 1):#x} = 0x")
        return
    if controls.view.focus == "stops":
        controls.dispatch(Toggle("unfolded"))
        return
    command = go_to_operand(controls.view) if controls.view.focus == CODE else None
    if command is not None:
        controls.submit(command)
    elif controls.view.focus != CODE:
        controls.dispatch(Focus(PROMPT))


def handler(controls: Controls) -> None:
    """at an event: its handler's code, and back; behind `code` or Enter: back to the stop's code"""
    controls.dispatch(Toggle("handler"))


def zoom(controls: Controls) -> None:
    """the pane that has the keys on the whole screen, and back"""
    controls.dispatch(Toggle("zoom"))


def show_help(controls: Controls) -> None:
    """this help"""
    controls.dispatch(Toggle("help"))


def open_palette(controls: Controls) -> None:
    """find a command, a key or a pane by a few letters"""
    controls.dispatch(OpenPalette(Palette()))


def redraw(controls: Controls) -> None:
    """draw the screen again"""
    controls.redraw()


def toggle_mouse(controls: Controls) -> None:
    """mouse on or off (off: the terminal's own selection)"""
    controls.toggle_mouse()


def hide_pane(controls: Controls) -> None:
    """hide the pane that has the keys; its number brings it back"""
    controls.hide_pane()


def taller(controls: Controls) -> None:
    """the pane that has the keys taller (also: the wheel on its title)"""
    controls.resize_pane(rows=1)


def lower(controls: Controls) -> None:
    """lower"""
    controls.resize_pane(rows=-1)


def wider(controls: Controls) -> None:
    """wider"""
    controls.resize_pane(cells=2)


def narrower(controls: Controls) -> None:
    """narrower"""
    controls.resize_pane(cells=-2)


def exchange(controls: Controls) -> None:
    """exchange the pane that has the keys with that of the next place"""
    controls.move_pane(1)


def copy(controls: Controls) -> None:
    """copy the answer, or the pane that has the keys (OSC 52, and a file)"""
    controls.copy()
