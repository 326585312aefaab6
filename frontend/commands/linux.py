"""Linux's own view of a guest: ``info tasks``, ``info modules``, ``info linux``, ``dmesg``, and lx- names for them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from frontend.clean import clean, clean_text
from frontend.commands.session import Session
from frontend.commands.subject import Subject
from frontend.commands.table import Arguments, Command, CommandError, no_arguments
from frontend.symbols import SymbolFile, read_names
from frontend.symbols.engine import NoDebugInfo, TaskLine
from gdbstub.errors import BadExpression


async def tasks(session: Session, text: str) -> None:
    from frontend.symbols.drgn_linux import tasks as all_tasks

    found = await session.debug_info.ask(all_tasks)
    session.out("      TASK             PID  ST CPU  COMM")
    for one in found:
        cpu = "" if one.cpu is None else str(one.cpu)
        session.out(f"{one.address:#018x} {one.pid:>6}  {one.state:<2} {cpu:<4} {one.comm}")


async def modules(session: Session, text: str) -> None:
    from frontend.symbols.drgn_linux import modules as all_modules

    found = await session.debug_info.ask(all_modules)
    session.out("Address            Module                  Size")
    files = {Path(path).stem.replace("-", "_"): path for path in session.symbols.modules}
    for one in found:
        path = files.get(one.name)
        if path is not None and path not in session.symbols.files and one.sections:
            session.symbols.add_file(read_names(path, one.sections))
        named = f"  {clean(path)}" if path is not None else ""
        session.out(f"{one.address:#018x} {one.name:<23} {one.size}{named}")


async def lx_symbols(session: Session, arguments: Arguments) -> None:
    """gdb's word of scripts/gdb: the kernel's own names, where no file has them, and those of its modules."""
    no_arguments("lx-symbols", arguments)
    await session.debug_info.prepare()
    if session.slide.kernel is None:
        why = session.debug_info.refused or session.debug_info.guest.why_not
        raise CommandError(why or "This guest does not stand in a Linux kernel, as far as its IDT tells.")
    if session.debug_info.kernel is not None and (why := session.debug_info.why_not()):
        session.message(f"The names of its modules are not known. {why}")
        return
    from frontend.symbols.drgn_linux import module_names

    files = {Path(path).stem.replace("-", "_") for path in session.symbols.modules if path in session.symbols.files}
    for name, symbols in (await session.debug_info.ask(module_names)).items():
        if name not in files:
            session.symbols.add_file(SymbolFile(f"[{name}]", symbols))
            session.out(f"{len(symbols)} symbols of the module {name}.")
    session.on_names()


async def linux_(session: Session, text: str) -> None:
    """The banner, the slide, and what its debug registers are for."""
    from frontend.symbols.drgn_linux import banner

    session.out(await session.debug_info.ask(banner))
    session.out(f"KASLR: {session.slide.found or 0:#x} higher than linked.")
    slots = await slot_lines(session, session.debugger.cpu)
    for line in slots or ["Linux has nothing in the debug registers of this CPU."]:
        session.out(line)


async def slot_lines(session: Session, cpu: int) -> list[str]:
    """Whose each debug register is that Linux uses on a CPU."""
    from frontend.symbols.drgn_linux import debug_slots

    lines = []
    for one in await session.debug_info.ask(lambda program: debug_slots(program, cpu)):
        whose = "a whole CPU's" if one.owner is None else f"task {one.owner.comm}[{one.owner.pid}]'s"
        by = "ptrace" if one.ptrace else "perf_event"
        lines.append(f"DR{one.number}: {session.place(one.address)}, {whose} {by} (perf_event at {one.event:#x})")
    return lines


async def debug_lines(session: Session, cpu: int) -> list[str]:
    """Linux's side of a #DB on a CPU: whose each slot is, and what it keeps for the task that runs; nothing where no
    types are known, or the kernel is not up."""
    kernel = session.slide.kernel
    if kernel is None or kernel not in session.debug_info.files or session.debug_info.why_not():
        return []
    from frontend.symbols.drgn_linux import traced

    with suppress(NoDebugInfo, BadExpression):
        found = await session.debug_info.ask(lambda program: traced(program, cpu))
        stepped = "is stepped (TIF_SINGLESTEP)" if found.single_step else "is not stepped (TIF_SINGLESTEP is clear)"
        own = (
            f"its ptrace_dr7 is {found.ptrace_dr7:#x}" if found.ptrace_dr7 else "no tracer has set its debug registers"
        )
        return [
            *[f"Linux: {line}" for line in await slot_lines(session, cpu)],
            f"Linux: task {found.task.comm}[{found.task.pid}] {stepped}, {own}, its virtual_dr6 is "
            f"{found.virtual_dr6:#x}",
        ]
    return []


async def dmesg(session: Session, arguments: Arguments) -> None:
    no_arguments("dmesg", arguments)
    from frontend.symbols.drgn_linux import log

    for line in clean_text(await session.debug_info.ask(log)):
        session.out(line)


async def current_task(session: Session) -> TaskLine | None:
    """The task of the selected CPU; None where that cannot be told."""
    if session.debug_info.kernel is None or session.debug_info.why_not():
        return None
    from frontend.symbols.drgn_linux import current

    cpu = session.debugger.cpu
    with suppress(NoDebugInfo, BadExpression):  # the kernel is not up yet
        found = await session.debug_info.ask(lambda program: current(program, cpu))
        return found if found.address >> 63 else None
    return None


async def _lx_ps(session: Session, arguments: Arguments) -> None:
    await tasks(session, arguments.text)


async def _lx_lsmod(session: Session, arguments: Arguments) -> None:
    await modules(session, arguments.text)


async def _lx_cmdline(session: Session, arguments: Arguments) -> None:
    from frontend.symbols.drgn_linux import command_line

    session.out(await session.debug_info.ask(command_line))


async def _lx_cpus(session: Session, arguments: Arguments) -> None:
    from frontend.symbols.drgn_linux import cpus

    for what, numbers in (await session.debug_info.ask(cpus)).items():
        session.out(f"{what:<8} CPUs: {', '.join(map(str, numbers))}")


async def _lx_version(session: Session, arguments: Arguments) -> None:
    from frontend.symbols.drgn_linux import banner

    session.out(await session.debug_info.ask(banner))


SUBJECTS = (
    Subject("tasks", (), "Linux's tasks: address, PID, state, the CPU that runs it, name.", tasks),
    Subject("modules", (), "Linux's modules: address, name, size.", modules),
    Subject("linux", (), "Linux's version, its slide, and whose the debug registers are.", linux_),
)
COMMANDS = (
    Command("dmesg", ("lx-dmesg",), "", "Print the log of the guest's Linux.", dmesg, "status"),
    Command(
        "lx-symbols",
        (),
        "",
        "Read the names of Linux and its modules from the guest itself.",
        lx_symbols,
        "status",
    ),
    Command("lx-ps", (), "", "As info tasks.", _lx_ps, "status"),
    Command("lx-lsmod", (), "", "As info modules.", _lx_lsmod, "status"),
    Command("lx-cmdline", (), "", "What the guest's Linux was booted with.", _lx_cmdline, "status"),
    Command("lx-cpus", (), "", "The CPUs that the guest's Linux knows.", _lx_cpus, "status"),
    Command("lx-version", (), "", "The version of the guest's Linux.", _lx_version, "status"),
)
