"""The bits of CR0, CR4 and EFER: SDM vol. 3A 2.5 and 2.2.1; APM vol. 2 3.1.7 for those of EFER that AMD alone has."""

from __future__ import annotations

CR0 = {0: "PE", 1: "MP", 2: "EM", 3: "TS", 4: "ET", 5: "NE", 16: "WP", 18: "AM", 29: "NW", 30: "CD", 31: "PG"}
CR4 = {
    0: "VME",
    1: "PVI",
    2: "TSD",
    3: "DE",
    4: "PSE",
    5: "PAE",
    6: "MCE",
    7: "PGE",
    8: "PCE",
    9: "OSFXSR",
    10: "OSXMMEXCPT",
    11: "UMIP",
    12: "LA57",
    13: "VMXE",
    14: "SMXE",
    16: "FSGSBASE",
    17: "PCIDE",
    18: "OSXSAVE",
    19: "KL",
    20: "SMEP",
    21: "SMAP",
    22: "PKE",
    23: "CET",
    24: "PKS",
    25: "UINTR",
    28: "LAM_SUP",
    32: "FRED",
}
EFER = {
    0: "SCE",
    8: "LME",
    10: "LMA",
    11: "NXE",
    12: "SVME",
    13: "LMSLE",
    14: "FFXSR",
    15: "TCE",
    17: "MCOMMIT",
    18: "INTWB",
    20: "UAIE",
    21: "AIBRSE",
}
BITS = {"cr0": CR0, "cr4": CR4, "efer": EFER}


def set_bits(register: str, value: int) -> list[str]:
    """The names of the bits that are set in one of `BITS`, from the lowest; one without a name is ``bit N``."""
    names = BITS[register]
    return [names.get(bit, f"bit {bit}") for bit in range(value.bit_length()) if value >> bit & 1]
