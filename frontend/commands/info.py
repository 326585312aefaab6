"""``info …``, ``dr``, ``thread`` and ``cpu``: what is known of the guest now."""

from __future__ import annotations

from frontend.clean import clean
from frontend.commands import cpu_tables, linux, scopes, source_listing
from frontend.commands.breaking import KIND_NAMES, where
from frontend.commands.memory_format import format_value
from frontend.commands.registers import register_value
from frontend.commands.session import Session
from frontend.commands.subject import Subject
from frontend.commands.table import Arguments, Command, CommandError, number
from frontend.commands.values import Value
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.debug_registers import Slot, covered, decode_dr7, describe_dr6, describe_dr7


async def registers(session: Session, text: str) -> None:
    state = await session.state()
    names = [word.removeprefix("$").lower() for word in text.split()] or list(state.registers)
    for name in names:
        value = register_value(state, name)
        if value is None:
            raise CommandError(f"This target shows no register {clean(name)}.")
        session.out(register_line(session, name, value))


def register_line(session: Session, name: str, value: Value) -> str:
    """As gdb: name, hexadecimal, and what it means."""
    natural = format_value(value, "", session.symbols.text)
    if value.style == "hex":
        natural = str(value.raw)
    return f"{clean(name):<15}{value.raw:<#19x}{natural}"


async def breakpoints(session: Session, text: str) -> None:
    rows = [row for row in session.debugger.breakpoints.values() if not row.hidden]
    if text:
        wanted = {number(word, "breakpoint number") for word in text.split()}
        rows = [row for row in rows if row.number in wanted]
    if not rows:
        session.out("No breakpoints or watchpoints.")
        return
    session.out("Num     Type                Disp Enb Address            What")
    for row in rows:
        _breakpoint(session, row)


def _breakpoint(session: Session, row: Breakpoint) -> None:
    kind = KIND_NAMES[row.kind]
    if row.means == "hw" and row.kind is BreakpointKind.EXECUTE:
        kind = "hw breakpoint"
    disposition = "del" if row.temporary else "keep"
    address = "<pending>" if row.address is None else f"{row.address:#018x}"
    armed = f" [{row.armed_as}]" if row.armed_as else " [not in the target]" if row.enabled else ""
    what = where(session, row) if row.kind is not BreakpointKind.EXECUTE else clean(row.text)
    if row.kind is BreakpointKind.EXECUTE and row.address is not None:
        what = session.symbols.text(row.address).strip() or what
    enabled = "y" if row.enabled else "n"
    session.out(f"{row.number:<8}{kind:<20}{disposition:<5}{enabled:<4}{address:<19}{what}{armed}".rstrip())
    if row.condition:
        session.out(f"\tstop only if {clean(row.condition)}")
    if row.hits:
        session.out(f"\tbreakpoint already hit {row.hits} time{'s' * (row.hits > 1)}")
    if row.ignore:
        session.out(f"\tignore next {row.ignore} hits")
    for line in row.commands:
        session.out(f"\t{clean(line)}")


async def threads(session: Session, text: str) -> None:
    session.out("  Id   CPU    State      Where")
    for cpu in session.debugger.capabilities.cpus:
        state = await session.debugger.state(cpu)
        mark = "*" if cpu == session.debugger.cpu else " "
        halted = {None: "stopped", True: "halted", False: "stopped"}[state.halted]
        session.out(f"{mark} {cpu + 1:<4} CPU#{cpu:<2} {halted:<10} {session.place(state.pc)}")


async def debug_registers(session: Session, text: str) -> None:
    """Bit by bit; unknown registers say so."""
    state = await session.debugger.state(complete=True)
    debug = state.debug
    if debug.source == "unknown":
        session.out(f"The debug registers are unknown: {clean(debug.unread)}.")
        return
    session.out(f"The guest's own debug registers, read by {debug.source}:")
    _slots(session, state)
    for armed in debug.shared:
        kind = "read/write" if armed.kind is BreakpointKind.ACCESS else armed.kind
        size = f"{armed.length} byte{'s' * (armed.length > 1)}"
        session.out(f"DR{armed.slot}  now dr6's own: {kind}, {size} at {session.place(armed.address)}")
    for name, value, describe in (("DR6", debug.dr6, describe_dr6), ("DR7", debug.dr7, describe_dr7)):
        if value is None:
            session.out(f"{name}  unknown")
            continue
        session.out(f"{name}  {value:#x}")
        for row in describe(value):
            if name == "DR6" or row.active:
                mark = "*" if row.active else " "
                session.out(f"  {mark} {row.name:<8} bit {row.bits:<6} {row.value}  {row.meaning}")


def _slots(session: Session, state: CpuState) -> None:
    debug = state.debug
    slots = decode_dr7(debug.dr7).slots if debug.dr7 is not None else ()
    for index, value in enumerate((debug.dr0, debug.dr1, debug.dr2, debug.dr3)):
        text = "unknown" if value is None else session.place(value)
        if index < len(slots) and slots[index].enabled:
            slot = slots[index]
            which = "locally" if slot.local and not slot.global_ else "globally" if not slot.local else "both ways"
            text += f"  {slot.type}, {slot.length} byte{'s' * (slot.length > 1)}, enabled {which}{_odd(slot, value)}"
        elif slots:
            text += "  off"
        session.out(f"DR{index}  {text}")


def _odd(slot: Slot, address: int | None) -> str:
    """What the manual has no room for, or reads otherwise than it looks (SDM vol. 3B 18.2.4, 18.2.5)."""
    if slot.type is BreakpointKind.EXECUTE:
        return "" if slot.length == 1 else "; undefined: LEN has to be 00 for instructions"
    if address is None or address % slot.length == 0:
        return ""
    return f"; its low bits are ignored, so it covers the bytes from {covered(address, slot.length).start:#x} on"


async def target(session: Session, text: str) -> None:
    debugger = session.debugger
    backend, able = debugger.backend, debugger.capabilities
    session.out(f"Target: {clean(debugger.target)}")
    version = f" {backend.version}" if backend.version else ""
    session.out(
        f"Backend: {clean(backend.name + version)}, profile {backend.profile}, CPU vendor {backend.vendor or 'unknown'}"
    )
    running = "gone" if debugger.ended else "running" if debugger.running else "stopped"
    session.out(f"Guest: {running}, {len(able.cpus)} CPU{'s' * (len(able.cpus) != 1)}, CPU {debugger.cpu} selected")
    slots = "any number" if able.hardware_slots is None else str(able.hardware_slots)
    lengths = ", ".join(map(str, able.watch_lengths)) or "any"
    hardware = f"{slots}; watch lengths: {lengths}" if able.hardware_breakpoints else "none"
    session.out(f"Hardware breakpoints: {hardware}")
    for what, has in (
        ("software breakpoints", able.software_breakpoints),
        ("read watchpoints", able.read_watchpoints),
        ("monitor commands", able.monitor),
        ("interrupting a running guest", able.interrupt),
        ("debug registers", able.debug_registers),
    ):
        session.out(f"  {'yes' if has else 'no ':<4} {what}")
    if able.no_hardware:
        session.out(able.no_hardware)
    elif able.hardware_hides_guest:
        session.out("While a hardware breakpoint of ours is armed, the guest's own debug registers do not work.")


async def symbol(session: Session, text: str) -> None:
    if not text:
        raise CommandError("info symbol needs an address.")
    address = await session.location(text) if ":" in text else (await session.evaluate(text)).address
    if session.symbols.nearest(address) is None:
        await session.debug_info.prepare()
    found = session.symbols.nearest(address)
    if found is None:
        session.out(f"No symbol matches {clean(text)}.")
        return
    name, offset = found
    session.out(f"{name} + {offset}" if offset else name)


async def displays(session: Session, text: str) -> None:
    if not session.displays:
        session.out("There are no auto-display expressions now.")
    for row in session.displays.values():
        form = f"/{row.format} " if row.format else ""
        session.out(f"{row.number}:   {'y' if row.enabled else 'n'}  {form}{clean(row.expression)}")


async def files(session: Session, text: str) -> None:
    if not session.symbols.files:
        session.out("No symbols are loaded.")
    for path in session.symbols.files:
        session.out(f"Symbols from {clean(path)}.")
    for segment in session.symbols.code:
        session.out(f"\t{segment.address:#018x} - {segment.address + segment.size:#018x} code")


SUBJECTS = (
    Subject("registers", ("r", "reg", "all-registers"), "The registers of this CPU, or those named.", registers),
    Subject("breakpoints", ("b", "watchpoints"), "Breakpoints, watchpoints and caught vectors.", breakpoints, False),
    Subject("threads", ("th", "cpus"), "The CPUs.", threads),
    Subject("dr", ("debug-registers",), "The debug registers, bit by bit.", debug_registers),
    Subject("idt", (), "The gates of the CPU's interrupt table, or that of one vector.", cpu_tables.idt),
    Subject("gdt", (), "The descriptors of the GDT.", cpu_tables.gdt),
    Subject("tss", (), "The stacks that the CPU takes from its TSS.", cpu_tables.tss),
    Subject("cr", ("control-registers",), "CR0 to CR8 and EFER, with their bits.", cpu_tables.control_registers),
    Subject("target", ("t",), "What the stub is and what it can do.", target, False),
    Subject("symbol", ("s",), "Which symbol covers an address.", symbol),
    Subject("display", ("d",), "What is displayed after each stop.", displays, False),
    Subject("files", ("f",), "Where symbols come from.", files, False),
    *scopes.SUBJECTS,
    *source_listing.SUBJECTS,
    *linux.SUBJECTS,
)


async def info(session: Session, arguments: Arguments) -> None:
    if not arguments.text:
        for row in SUBJECTS:
            session.out(f"info {row.name:<12} {row.help}")
        return
    name, _, rest = arguments.text.partition(" ")
    subject = find_subject(name.lower())
    if subject.stopped and (session.debugger.running or session.debugger.ended):
        what = "gone" if session.debugger.ended else "running; interrupt it first"
        raise CommandError(f"info {subject.name} needs a stopped guest, and the guest is {what}.")
    await subject.handler(session, rest.strip())


def find_subject(name: str) -> Subject:
    """By name, abbreviation or unique prefix. CommandError lists the candidates."""
    exact = [row for row in SUBJECTS if name == row.name or name in row.short]
    found = exact or [row for row in SUBJECTS if row.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(row.name for row in found or SUBJECTS)
    why = "is ambiguous" if found else "is unknown"
    raise CommandError(f"info {clean(name)} {why}; there are: {names}.")


async def dr(session: Session, arguments: Arguments) -> None:
    await debug_registers(session, "")


async def thread(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        await _select(session, number(arguments.text, "thread number") - 1)
    await _current(session)


async def cpu(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        await _select(session, number(arguments.text, "CPU number"))
    await _current(session)


async def _select(session: Session, which: int) -> None:
    cpus = session.debugger.capabilities.cpus
    if which not in cpus:
        raise CommandError(f"There is no CPU {which} (thread {which + 1}); the CPUs are {', '.join(map(str, cpus))}.")
    await session.debugger.select_cpu(which)
    session.next_address = None


async def _current(session: Session) -> None:
    state = await session.state()
    selected = session.debugger.cpu
    session.out(f"[Current thread is {selected + 1} (CPU#{selected}), at {session.place(state.pc)}]")


COMMANDS = (
    Command(
        "info",
        ("i", "inf"),
        "SUBJECT",
        "Show registers, breakpoints, CPUs, tables of the CPU, the target, symbols, files.",
        info,
        "status",
        needs="",
        completes="info",
    ),
    Command("dr", (), "", "The debug registers, bit by bit.", dr, "explaining"),
    Command(
        "thread",
        ("t",),
        "[N]",
        "Show or choose the CPU by its thread number: thread 1 is CPU 0, as gdb counts.",
        thread,
        "status",
    ),
    Command("cpu", (), "[N]", "Show or choose the CPU by its own number, from 0.", cpu, "status"),
)
