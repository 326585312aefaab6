"""A copy of QEMU whose TCG honours SVM's intercept of #BP: without it KVM's software breakpoints never reach KVM.

QEMU's `raise_interrupt2` (target/i386/tcg/excp_helper.c; 7.2, 10.0.2) looks at the intercept of INT n only (exit code
0x75) for every interrupt by an instruction. A CPU looks at the intercept of #BP (exit code 0x43) for the one-byte
INT3 (CC), and at that of INT n for the others, INT 3 as CD 03 among them (AMD APM vol. 2, 15.12.4 and 15.13.3).

The compiler made of it, in `raise_interrupt2` (r12d: the vector; ebp: the length of the instruction):

    mov %r9,%rcx ; xor %edx,%edx ; mov $0x75,%esi ; call cpu_svm_check_intercept_param

The ``mov $0x75,%esi`` becomes a call of the code that `CAVE` holds, in the padding behind the program's code. The copy
stays in the cache of this machine.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from elftools.elf.constants import P_FLAGS
from elftools.elf.elffile import ELFFile

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.qemu import Qemu

SITE = re.compile(rb"\x4c\x89\xc9\x31\xd2(\xbe\x75\x00\x00\x00)\xe8", re.DOTALL)
REACH = 0xC0
"""How far in front of the site its function may begin."""
KEEPS = (b"\x41\x89\xf4", b"\x49\x63\xe8")
"""Instructions of that function in front of the site: mov %esi,%r12d (the vector); movslq %r8d,%rbp (the length)."""
CAVE = bytes.fromhex(
    "be75000000"  # mov $0x75,%esi
    "4183fc03"  #   cmp $3,%r12d
    "750a"  #       jne 1f
    "83fd01"  #     cmp $1,%ebp
    "7505"  #       jne 1f
    "be43000000"  # mov $0x43,%esi
    "c3"  #      1: ret
)
CALL = 0xE8


class Code(NamedTuple):
    """A segment of code in the file; file offset and address differ by a constant."""

    start: int
    end: int


def with_int3(qemu: Qemu) -> Qemu:
    """``qemu`` with a patched copy of its program. Raises `LabError` where the program is not the one described."""
    path = qemu.root / qemu.program
    original = path.read_bytes()
    name = hashlib.sha256(original + CAVE).hexdigest()[:12]
    folder = cached(f"qemu-int3/{name}", lambda draft: _write(draft / "qemu", original, path))
    return qemu._replace(program=str(folder / "qemu"))


def _write(target: Path, original: bytes, path: Path) -> None:
    with path.open("rb") as file:
        code = _code(ELFFile(file))
    target.write_bytes(patched(original, code))
    target.chmod(0o755)


def _code(elf: ELFFile) -> Code:
    found = [s for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & P_FLAGS.PF_X]
    if len(found) != 1:
        raise _unknown("it has not one segment of code")
    return Code(found[0]["p_offset"], found[0]["p_offset"] + found[0]["p_filesz"])


def patched(program: bytes, code: Code) -> bytes:
    """``program`` with the site calling `CAVE`, which lies behind the code; no other byte changes."""
    sites = [match.start(1) for match in SITE.finditer(program, code.start, code.end)]
    if len(sites) != 1:
        raise _unknown(f"the place to change was found {len(sites)} times")
    site, cave = sites[0], (code.end + 15) & ~15
    if not all(keep in program[site - REACH : site] for keep in KEEPS):
        raise _unknown("the registers at the place to change are not those that are known")
    end = cave + len(CAVE)
    if end > (code.end - 1 | 0xFFF) + 1 or any(program[code.end : end]):  # the page of the code is mapped as a whole
        raise _unknown("there is no room behind its code")
    call = bytes([CALL]) + (cave - (site + 5)).to_bytes(4, "little", signed=True)
    changed = bytearray(program)
    changed[site : site + len(call)] = call
    changed[cave:end] = CAVE
    return bytes(changed)


def _unknown(why: str) -> LabError:
    return LabError(
        f"This build of QEMU can't be taught SVM's intercept of #BP: {why}; tests/labs/int3_patch.py has to learn it."
    )
