"""A Linux guest of which dr6 has no file: what it says then is what it says with vmlinux, and what the guest says; and
traces at random stops, with and without."""

from __future__ import annotations

from pathlib import Path

from tests.labs.errors import LabError
from tests.labs.linux_says import ask, expect, says_as_the_guest
from tests.labs.linux_stops import look_at_stops
from tests.labs.progress import Progress

STOPS = 200
SAME = (
    "info functions ^vfs_",
    "info address runqueues",
    "info address x86_64_start_kernel",
    *("ptype struct task_struct", "ptype struct rq", "ptype struct module", "p sizeof(struct perf_event)"),
    *("p init_task.comm", "p per_cpu(runqueues, 1).cpu", "p $lx_task_by_pid(1)->comm", 'p $lx_module("loop")->name'),
    *("whatis $current", "whatis per_cpu(runqueues, 0).curr", "p &per_cpu(cpu_info, 1)", "lx-cmdline", "lx-cpus"),
    "lx-version",
)


async def linux_alone(folder: Path, image: Path, program: Path, said: str, progress: Progress) -> None:
    """Raises `LabError`."""
    progress.step("without a file: names by kallsyms, types by BTF, the same as with vmlinux")
    with_file, without = await ask(folder, (image,), *SAME), await ask(folder, (), *SAME)
    if with_file != without:
        pairs = zip(with_file.splitlines(), without.splitlines(), strict=False)
        raise LabError(
            f"without vmlinux dr6 says otherwise: {next((one for one in pairs if one[0] != one[1]), without)}"
        )
    progress.step("without a file: tasks, log and modules are what the guest says of itself")
    found = await ask(folder, (), "info tasks", "echo MARK\\n", "dmesg", "echo MARK\\n", "info modules", "lx-symbols")
    tasks, log, rest = found.split("MARK\n")
    says_as_the_guest(tasks, log, said)
    expect("lx-symbols", rest, r"^0x[0-9a-f]{16} loop +\d+$", r"^\d+ symbols of the module loop\.$")
    progress.step("without a file: a #DB of ptrace's in the kernel, through to the program that it is from")
    found = await ask(folder, (program,), "catch db", "continue", "backtrace", "info linux", "p $current->comm")
    expect("#DB", found, r"^#0 .*<asm_exc_debug>", r"^#1 .*store \(", r"^#2 .*child \(", r"^#3 .*main \(")
    expect("#DB", found, r"DR0: 0x\w+ <watched>, task init\[\d+\]'s ptrace", r'^\$1 = "init"')


async def random_stops(folder: Path, image: Path, program: Path, progress: Progress) -> None:
    """Raises `LabError` where a frame is wrong."""
    for files, seed in (((image, program), 1), ((program,), 2)):
        how = "with vmlinux" if image in files else "without a file"
        progress.step(f"traces at {STOPS} random stops, {how}, are what ORC says")
        found = await look_at_stops(folder, image, files, STOPS, seed)
        progress.step(f"{STOPS} stops {how}: {found}")
        if found.wrong:
            raise LabError(f"{len(found.wrong)} frames are wrong: {'; '.join(found.wrong[:5])}")
