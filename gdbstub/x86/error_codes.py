"""What the error code of an exception says. SDM vol. 3A 6.13, 6.15 and 4.7; APM vol. 2 8.4 and 15.36 (not checked)."""

from __future__ import annotations

PRESENT, WRITE, USER, RESERVED, FETCH, KEY, SHADOW_STACK, HLAT, SGX, RMP = (
    1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7, 15, 31)
)
"""The bits of #PF."""
EXTERNAL, IN_IDT = 1, 2
"""The lowest bits of a selector error code: the event before was not the program's own; the index is of the IDT."""

PAGE_FAULT_BITS = (
    (PRESENT, "protection violation", "page not present"),
    (WRITE, "write", "read"),
    (USER, "user mode", "supervisor mode"),
    (RESERVED, "reserved bit set in a paging entry", ""),
    (FETCH, "instruction fetch", ""),
    (KEY, "protection key", ""),
    (SHADOW_STACK, "shadow stack access", ""),
    (HLAT, "HLAT paging", ""),
    (SGX, "SGX access control", ""),
    (RMP, "RMP violation", ""),
)
"""Bit, what 1 says, what 0 says. HLAT and SGX are Intel's, RMP is AMD's."""

TABLES = ("GDT", "IDT", "LDT", "IDT")
SELECTORS = (10, 11, 12, 13)
ALWAYS_0 = (8, 17)
"""#DF and #AC push an error code that is 0 whatever happened."""

MISSING_ENDBRANCH = 3
CONTROL_PROTECTION = {
    1: "near RET and the shadow stack disagree",
    2: "far RET or IRET and the shadow stack disagree",
    MISSING_ENDBRANCH: "an indirect branch led to no ENDBRANCH",
    4: "RSTORSSP found no valid token",
    5: "SETSSBSY found no valid token",
}
ENCLAVE = 1 << 15

INIT_REDIRECTED = 1

_FROM_0X60 = (
    *("INTR", "NMI", "SMI", "INIT", "VINTR", "CR0 selective write", "SIDT", "SGDT", "SLDT", "STR", "LIDT", "LGDT"),
    *("LLDT", "LTR", "RDTSC", "RDPMC", "PUSHF", "POPF", "CPUID", "RSM", "IRET", "INT n", "INVD", "PAUSE", "HLT"),
    *("INVLPG", "INVLPGA", "port I/O", "RDMSR or WRMSR", "task switch", "FERR freeze", "shutdown", "VMRUN"),
    *("VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "RDTSCP", "ICEBP", "WBINVD", "MONITOR", "MWAIT"),
    *("MWAIT, armed", "XSETBV", "RDPRU"),
)
SVM_EXITS = dict(enumerate(_FROM_0X60, 0x60)) | {0xA0: "INVLPGB", 0xA2: "INVPCID", 0x400: "nested page fault"}
"""SVM exit codes, as in Linux' uapi/asm/svm.h."""
SVM_RANGES = ((0x00, "read of CR"), (0x10, "write of CR"), (0x20, "read of DR"), (0x30, "write of DR"))
SVM_EXCEPTIONS = 0x40


def svm_exit(code: int) -> str:
    """The name of an SVM exit code, "" where it has none that is known here."""
    for first, name in SVM_RANGES:
        if first <= code < first + 16:
            return f"{name}{code - first}"
    if SVM_EXCEPTIONS <= code < SVM_EXCEPTIONS + 32:
        return f"exception {code - SVM_EXCEPTIONS}"
    return SVM_EXITS.get(code, "")


def describe_error_code(number: int, error_code: int) -> str:
    """What the error code of vector ``number`` says, without its value: "page not present, write, supervisor mode",
    "GDT selector 0x30", "near RET and the shadow stack disagree". "" where nothing is known of it."""
    if number == 14:
        return _page_fault(error_code)
    if number in SELECTORS:
        return _selector(error_code)
    if number in ALWAYS_0:
        return "as always" if error_code == 0 else "where hardware pushes 0"
    if number == 21:
        said = CONTROL_PROTECTION.get(error_code & ~ENCLAVE, "")
        return said + (", inside an enclave" if said and error_code & ENCLAVE else "")
    if number == 29:
        return svm_exit(error_code)
    if number == 30:
        return "an INIT was redirected" if error_code == INIT_REDIRECTED else ""
    return ""


def error_code_text(number: int, error_code: int) -> str:
    """The value and what it says: "0x32 (IDT vector 6)"; a #PF by what it says alone."""
    said = describe_error_code(number, error_code)
    if number == 14:
        return said
    return f"{error_code:#x} ({said})" if said else f"{error_code:#x}"


def _page_fault(error_code: int) -> str:
    said = [on if error_code & bit else off for bit, on, off in PAGE_FAULT_BITS]
    known = sum(bit for bit, _, _ in PAGE_FAULT_BITS)
    if error_code & ~known:
        said.append(f"unknown bits {error_code & ~known:#x}")
    return ", ".join(text for text in said if text)


def _selector(error_code: int) -> str:
    during = ", while another event was delivered" if error_code & EXTERNAL else ""
    if error_code & ~EXTERNAL == 0:
        return f"no selector{during}"
    index = error_code >> 3 & 0x1FFF
    table = TABLES[error_code >> 1 & 3]
    entry = f"vector {index}" if table == "IDT" else f"selector {error_code & 0xFFF8:#x}"
    odd = f", reserved bits {error_code & ~0xFFFF:#x}" if error_code >> 16 else ""
    return f"{table} {entry}{during}{odd}"
