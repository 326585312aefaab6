"""drgn's answers, as dr6 prints them, are gdb's for the same file."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from frontend.commands.parser import parse
from frontend.symbols.engine import Locals, NamedValue, NoDebugInfo, TypedValue
from frontend.symbols.line_table import find_lines
from frontend.symbols.names import Symbols
from gdbstub.errors import BadExpression, Refused

pytest.importorskip("drgn", reason="it has no wheel for this machine, and is an extra")

from frontend.commands.typed import Scope, evaluate
from frontend.symbols.drgn_engine import DrgnEngine
from frontend.symbols.drgn_program import Facts, ImageFile, KernelFile, early_vmcoreinfo, open_program
from frontend.symbols.drgn_traces import trace, variables
from frontend.symbols.guest_memory import GuestMemory

SOURCE = """
enum colour { RED, GREEN = 5 };
enum flags { A = 1, B = 2, C = 4 };
struct point { int x, y; };
struct all {
    char name[16]; struct point where, more[3]; struct point *at; enum colour colour; enum flags flags;
    unsigned low : 3, high : 5; signed char small; _Bool yes; void (*call)(int); double real;
    union { long number; char bytes[8]; };
    int many[40]; const char *text;
};
struct point origin = { 7, -2 };
void call(int x) { origin.x = x; }
struct all all = { "abc", { 1, 2 }, { { 3, 4 }, { 3, 4 }, { 5, 6 } }, &origin, GREEN, A | C, 5, 17, -3, 1, call, 1.5,
    { .number = 0x4142 }, { 1, 2 }, "a\\tb\\"c" };
long array[5] = { 1, 2, 3, 4, 5 };
unsigned long ticks = 0xfffffffffffffff0;
asm(".data; bare: .quad 9, 10; .text");
void _start(void) { call(1); for (;;); }
"""
EXPRESSIONS = (
    *(
        "origin",
        "&origin",
        "all.name",
        "all.where.y",
        "all.at->x",
        "*all.at",
        "all.more",
        "all.more[2].y",
        "all.colour",
    ),
    *("all.flags", "all.low", "all.high", "all.small", "all.yes", "all.call", "all.real", "all.number", "all.many"),
    *(
        "all.text",
        "array",
        "array[1]@2",
        "ticks",
        "sizeof(struct all)",
        "sizeof(array)",
        "(long)all.at == (long)&origin",
    ),
    *(
        "*(struct point *)&array",
        "ticks + 1",
        "array[0] << 4",
        "!array[0]",
        "-array[1]",
        "&all.many[3]",
        "all",
        "*array@3",
    ),
    *("call", "ticks > 5", "all.at->x + array[4] * 2", "(unsigned char)ticks", "all.bytes[1]"),
)


class Image:
    """A stopped guest with nothing but the file in it."""

    generation = 1

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            parts = [one for one in ELFFile(file).iter_segments() if one["p_type"] == "PT_LOAD"]
            self.parts = {one["p_vaddr"]: one.data().ljust(one["p_memsz"], b"\0") for one in parts}
        self.span = min(self.parts), max(at + len(data) for at, data in self.parts.items())

    async def read_aside(self, address: int, length: int, *, physical: bool = False) -> bytes:
        page = bytearray(length)
        near = [(at, data) for at, data in self.parts.items() if at < address + length and address < at + len(data)]
        if not near or physical:
            raise Refused("m", "14")
        for at, data in near:
            first, last = max(at, address), min(at + len(data), address + length)
            page[first - address : last - address] = data[first - at : last - at]
        return bytes(page)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drgn")
    source, built = folder / "program.c", folder / "program"
    source.write_text(SOURCE)
    options = ("-g", "-O0", "-static", "-nostdlib", "-no-pie", "-fno-asynchronous-unwind-tables")
    subprocess.run(["gcc", *options, "-o", str(built), str(source)], check=True)
    return built


async def ask(path: Path, *texts: str, symbols: Mapping[str, int] = {}) -> list[TypedValue | None]:
    image = Image(path)
    engine = DrgnEngine(GuestMemory(image))
    facts = Facts(None, (ImageFile(str(path), *image.span),), False)
    scope = Scope({}, None, 0, symbols)
    return [await engine.run(facts, partial(evaluate, node=parse(text), scope=scope)) for text in texts]


@pytest.fixture(scope="module")
def gdbs(program: Path) -> list[str]:
    words = [word for text in EXPRESSIONS for word in ("-ex", f"output {text}", "-ex", r"echo \n")]
    done = subprocess.run(["gdb", "-nx", "-batch", *words, str(program)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.live
async def test_values_are_printed_as_gdb_prints_them(program: Path, gdbs: list[str]) -> None:
    ours = [one and one.text for one in await ask(program, *EXPRESSIONS)]
    assert dict(zip(EXPRESSIONS, ours, strict=True)) == dict(zip(EXPRESSIONS, gdbs, strict=True))


async def test_a_symbol_without_a_type_is_its_address(program: Path) -> None:
    """Alone it is left to names; beside what has a type it counts in bytes."""
    names = Symbols()
    names.add(program)
    bare = names.lookup("bare")
    assert bare
    symbols = {"bare": bare}
    texts = ("bare", "&bare", "*bare", "bare + 4", "origin.x + *bare", "(long)bare - origin.x", "&bare == &origin")
    found = [one and one.number for one in await ask(program, *texts, symbols=symbols)]
    assert found == [None, None, None, None, 7 + 9, bare - 7, 0]
    for text in ("bare@2", "sizeof(bare)", "bare->x"):
        with pytest.raises(BadExpression, match=r"^'bare' has unknown type; cast it to its declared type\.$"):
            await ask(program, text, symbols=symbols)


async def test_a_guest_that_is_no_linux_has_traces_and_arguments(program: Path) -> None:
    """No file of it has Linux's struct pt_regs."""
    image, names = Image(program), Symbols()
    names.add(program)
    call = names.lookup("call")
    assert call
    many = (await ask(program, "&all.many"))[0]
    assert many
    assert many.number
    frame = {"rip": call + 7, "rbp": many.number + 8, "rsp": many.number + 8}  # the 4 bytes below are many[1]
    engine = DrgnEngine(GuestMemory(image))
    facts = Facts(None, (ImageFile(str(program), *image.span),), False)
    found = await engine.run(facts, partial(trace, registers=frame))
    assert [(one.name, one.offset) for one in found.frames] == [("call", 7)]
    scope = await engine.run(facts, partial(variables, registers=frame, number=0))
    assert scope == Locals((NamedValue("x", "int", "2"),), ())


@pytest.mark.live
def test_a_line_has_the_addresses_that_gdb_gives_it(program: Path) -> None:
    """Each line of code in the file, and the lines without any in front of it."""
    count = len(SOURCE.splitlines())
    words = [word for line in range(1, count + 1) for word in ("-ex", f"info line program.c:{line}")]
    done = subprocess.run(["gdb", "-nx", "-batch", *words, str(program)], capture_output=True, text=True, check=True)
    theirs = dict(re.findall(r"Line (\d+) of \"[^\"]*program.c\" starts at address (0x[0-9a-f]+)", done.stdout))
    assert theirs
    for line, address in theirs.items():
        found = find_lines(str(program), "program.c", int(line))
        assert (found[0].line, hex(found[0].address)) == (int(line), address)
    first = min(map(int, theirs))
    assert find_lines(str(program), "program.c", 1)[0].line == first
    assert find_lines(str(program), "other.c", 1) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nosuch", 'No symbol "nosuch" in current context.'),
        ("origin.z", "has no member 'z'"),
        ("*(int *)8", "Cannot access memory at address 0x8."),
        ("(struct nosuch *)1", "nosuch"),
        ("array[0] / 0", "division by zero"),
        ("origin + 1", "invalid"),
        ("array[0]@0", "Invalid number 0 of repetitions."),
    ],
)
async def test_what_does_not_fit_is_one_sentence(text: str, why: str, program: Path) -> None:
    with pytest.raises(BadExpression, match="(?i)" + why):
        await ask(program, text)


def test_the_file_of_another_kernel_is_refused(program: Path) -> None:
    kernel = KernelFile(str(program), b"\1\2", early_vmcoreinfo(b"\3\4", 0, 0, 0, False), ())
    with pytest.raises(NoDebugInfo, match="is not the kernel that runs: its build ID is 0102, the guest's is 0304"):
        open_program(Facts(kernel, (), False), GuestMemory(Image(program)))
