"""What this machine's own /dev/kvm gives a debugger: each ability tried on a guest of its own.

Not every KVM has all of them. What `NEEDED` says of a module was seen there (docs/backends.md), and has to be so;
the rest is reported as it is.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.guests.build import build
from tests.labs.check import wrong_alone
from tests.labs.errors import LabError, LabSkipped
from tests.labs.platforms import Here
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu
from tests.labs.run_dr6 import dr6

DEVICE = Path("/dev/kvm")
MODULES = ("kvm_intel", "kvm_amd", "kvm_pvm")
SECONDS = 15.0


class Ability(NamedTuple):
    """``says`` is what dr6 prints where it works; at the end of ``commands`` or not at all."""

    name: str
    commands: tuple[str, ...]
    says: str


_TO_MAIN = ("thbreak main_loop", "continue")
ABILITIES = (
    Ability("hardware breakpoints", _TO_MAIN, r"<main_loop>: hardware breakpoint of the debugger"),
    Ability("steps", (*_TO_MAIN, "stepi 3"), r"#4 .* step .*: single-step by the debugger"),
    Ability("software breakpoints", (*_TO_MAIN, "break copy", "continue"), r"<copy>: software breakpoint of"),
    Ability("watchpoints", (*_TO_MAIN, "watch rounds/8", "continue"), r"write watch of the debugger on"),
)
ALL = frozenset(ability.name for ability in ABILITIES)
NEEDED = {"kvm_intel": ALL, "kvm_amd": ALL, "kvm_pvm": frozenset(("hardware breakpoints", "steps"))}


def module() -> str:
    """Which KVM this is. Raises `LabSkipped` where there is none that we may use."""
    if not DEVICE.exists():
        raise LabSkipped(f"this machine has no {DEVICE}.")
    try:
        DEVICE.open("r+b", buffering=0).close()
    except OSError as error:
        raise LabSkipped(f"{DEVICE} cannot be opened ({error.strerror}); its group is usually kvm.") from error
    return next((name for name in MODULES if Path("/sys/module", name).exists()), "an unknown module")


async def try_abilities(qemu: Qemu, progress: Progress) -> None:
    """Each ability on the guest ``loop``; then, where all work, what the demo guest sees. `LabError` where one that is
    needed does not work."""
    name = module()
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
        found = {a.name: await _works(a, qemu, Path(folder), progress) for a in ABILITIES}
    for ability, works in found.items():
        progress.say(f"{name}: {ability}: {'work' if works else 'do not work'}")
    lacking = sorted(ability for ability in NEEDED.get(name, ALL) if not found[ability])
    if lacking:
        raise LabError(f"With {name} these do not work, and have to: {', '.join(lacking)}.")
    if all(found.values()):
        for line in await _demo(qemu, progress):
            progress.say(line)


async def _works(ability: Ability, qemu: Qemu, folder: Path, progress: Progress) -> bool:
    progress.step(f"{ability.name} are tried")
    image = build("loop")
    guest = Here("qemu-kvm", qemu, "-accel", "kvm", image=image)
    words = [word for line in ability.commands for word in ("-ex", line)]
    async with guest.debugged(folder) as target:
        try:
            ran = await dr6(folder, "attach", target, "--symbols", str(image), "--batch", *words, seconds=SECONDS)
        except LabError:
            return False  # no stop came: a watchpoint that never fires
    return re.search(ability.says, ran.out) is not None


async def _demo(qemu: Qemu, progress: Progress) -> Iterator[str]:
    progress.step("the demo guest runs alone")
    guest = Here("qemu-kvm", qemu, "-accel", "kvm")
    return wrong_alone(await guest.alone(), guest.key)
