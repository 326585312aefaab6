"""Known departures of platforms from the architecture, as data. A contradiction that is one of them names it.

Each row: which backend (a profile name) and which versions it was seen on (None: all that are known), and where
the knowledge comes from: a source function, a commit, or a run of ours on that version.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

QuirkName = Literal[
    "tcg-icebp-ud",
    "tcg-no-general-detect",
    "tcg-sti-hides-step",
    "tcg-mov-ss-data",
    "tcg-nested-step-data",
    "tcg-io-without-step",
    "tcg-rep-rf",
    "tcg-stale-hits",
    "tcg-io-without-de",
    "tcg-one-data-hit",
    "tcg-idt-error-code",
    "kvm-reinjected-polarity",
    "kvm-icebp-reinjected",
    "kvm-no-btf",
    "disabled-hits",
]


class Quirk(NamedTuple):
    """``below`` is the first version without it, None where none is known to be free of it."""

    backend: str | None
    below: tuple[int, ...] | None
    sentence: str
    source: str


QUIRKS: dict[QuirkName, Quirk] = {
    "tcg-icebp-ud": Quirk(
        "qemu-tcg",
        (9, 1),
        "QEMU TCG before 9.1 has no INT1 and raises #UD for it",
        "QEMU 7.2 translate.c WANT_ICEBP; QEMU commit 73fb7b3c49",
    ),
    "tcg-no-general-detect": Quirk(
        "qemu-tcg", (9, 1), "QEMU TCG of that age ignores DR7.GD", "QEMU 7.2 helper_get_dr, helper_set_dr"
    ),
    "tcg-sti-hides-step": Quirk(
        "qemu-tcg",
        (9, 1),
        "QEMU TCG 7.2 puts the trap after STI off by one instruction",
        "QEMU 7.2.12, fixed by commit 1e94ddc685",
    ),
    "tcg-mov-ss-data": Quirk(
        "qemu-tcg", None, "QEMU TCG does not defer data breakpoints of MOV SS", "measured on QEMU 7.2.22"
    ),
    "tcg-nested-step-data": Quirk(
        "qemu-tcg",
        None,
        "QEMU TCG delivers a second #DB inside the first when TF and a data breakpoint meet",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    "tcg-io-without-step": Quirk(
        "qemu-tcg", None, "QEMU TCG leaves BS out when an I/O breakpoint meets TF", "measured on QEMU 7.2.22"
    ),
    "tcg-rep-rf": Quirk(
        "qemu-tcg", None, "QEMU TCG pushes RF = 0 between the iterations of REP", "measured on QEMU 7.2.22"
    ),
    "tcg-stale-hits": Quirk(
        "qemu-tcg",
        None,
        "QEMU TCG can leave old B bits in DR6",
        "measured on QEMU 10.0.2; QEMU check_hw_breakpoints",
    ),
    "tcg-io-without-de": Quirk(
        "qemu-tcg", None, "QEMU TCG takes this type for I/O whatever CR4.DE says", "QEMU 7.2 helper_bpt_io"
    ),
    "tcg-one-data-hit": Quirk(
        "qemu-tcg", None, "QEMU TCG reports one data breakpoint where two are hit", "measured on QEMU 7.2.22"
    ),
    "tcg-idt-error-code": Quirk(
        "qemu-tcg", None, "QEMU TCG counts IDT entries of 16 bytes in units of 8 there", "measured on QEMU 7.2.22"
    ),
    "kvm-reinjected-polarity": Quirk(
        "qemu-kvm",
        None,
        "QEMU injects a #DB that is not the debugger's again, and hands KVM the DR6 of the exit as a payload, "
        "whose bits KVM flips",
        "QEMU kvm_handle_debug; KVM kvm_deliver_exception_payload",
    ),
    "kvm-icebp-reinjected": Quirk(
        "qemu-kvm",
        None,
        "KVM on Intel does not step over INT1 while a debugger is on, so the guest returns to it again and again",
        "KVM handle_exception_nmi; QEMU kvm_handle_debug",
    ),
    "kvm-no-btf": Quirk("qemu-kvm", None, "KVM on Intel drops the guest's DEBUGCTL.BTF", "KVM vmx_set_msr, Linux 6.1"),
    "disabled-hits": Quirk(
        None,
        None,
        "Intel allows B bits of breakpoints that DR7 does not enable; they are no cause",
        "SDM 3B 18.2.3",
    ),
}


def version_of(text: str | None) -> tuple[int, ...]:
    """ "7.2.22" → (7, 2, 22); empty where it is no such text."""
    parts = []
    for piece in (text or "").split("."):
        if not piece.isdecimal() or len(piece) > 9:
            break
        parts.append(int(piece))
    return tuple(parts)


def applies(name: QuirkName, backend: str | None, version: str | None) -> bool:
    """Whether this platform is known to have the quirk; an unknown version counts as one that may have it."""
    quirk = QUIRKS[name]
    if quirk.backend is not None and quirk.backend != backend:
        return False
    numbers = version_of(version)
    return quirk.below is None or not numbers or numbers < quirk.below


def explained(name: QuirkName, backend: str | None, version: str | None) -> str:
    """ " (tcg-icebp-ud: …; source)" where the quirk applies, else nothing."""
    if not applies(name, backend, version):
        return ""
    quirk = QUIRKS[name]
    return f" Known quirk {name}: {quirk.sentence} ({quirk.source})."
