"""What the guest's files say of its code, when a debugger asks; in a replay, what they said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from frontend.symbols import Loading, SymbolError, Symbols, read_kernel
from gdbstub.debugger.kernel_code import NO_CODE, KernelCode, LidtPlaces
from transports import Recorder


def kernel_reader(known: KernelCode | None, recorder: Recorder | None) -> Callable[[str], KernelCode]:
    """What the file of QEMU's -kernel tells, if it is on this machine; ``known`` is what a recording kept of it."""

    def read(path: str) -> KernelCode:
        if known is not None:
            return known
        try:
            found = read_kernel(path)
        except (OSError, SymbolError):  # another machine's path, or none of ours to read
            found = NO_CODE
        if recorder is not None:
            recorder.note("kernel-entry", "" if found.entry is None else hex(found.entry))
            recorder.note("kernel-lidt", " ".join(map(hex, found.lidt)))
        return found

    return read


def lidt_finder(symbols: Symbols, loading: Loading, recorder: Recorder | None) -> Callable[[], Awaitable[LidtPlaces]]:
    """Where the files with symbols have LIDT instructions: looked for when a vector is caught, since it takes a
    while."""

    async def find() -> LidtPlaces:
        await loading.wait()
        found = symbols.lidt_places()
        if recorder is not None:
            recorder.note("lidt", " ".join(map(hex, found.candidates)))
            recorder.note("lidt-sure", " ".join(map(hex, found.sure)))
        return found

    return find
