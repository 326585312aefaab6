"""The table of quirks: one row a departure, with where the knowledge comes from.

A source is a function or commit that was read, or a run ("measured on …"). ``since`` and ``below`` are versions of the
backend: the first with it, and the first without it; None where no such version is known.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

QuirkName = Literal[
    "tcg-icebp-ud",
    "tcg-no-general-detect",
    "tcg-no-task-trap",
    "tcg-sti-hides-step",
    "tcg-mov-ss-step",
    "tcg-mov-ss-data",
    "tcg-nested-step-data",
    "tcg-io-without-step",
    "tcg-rep-rf",
    "tcg-rep-last",
    "tcg-fault-rf",
    "tcg-stale-hits",
    "tcg-io-without-de",
    "tcg-one-data-hit",
    "tcg-idt-error-code",
    "tcg-no-ext",
    "tcg-stack-gp",
    "tcg-step-mov-ss",
    "tcg-own-watch-first",
    "tcg-breakpoints-meet",
    "tcg-idle-step",
    "tcg-breakpoint-by-eip",
    "tcg-stack-in-page",
    "tcg-unaligned-data",
    "tcg-unaligned-store",
    "tcg-step-over-breakpoint",
    "tcg-step-ignores-rf",
    "kvm-reinjected-polarity",
    "kvm-reinjected-own-hits",
    "kvm-icebp-reinjected",
    "kvm-no-btf",
    "kvm-step-takes-db",
    "kvm-hides-guest-breakpoints",
    "kvm-hides-general-detect",
    "kvm-step-hides-watch",
    "kvm-watch-address",
    "kvm-step-past-gate",
    "kvm-leaks-tf",
    "kvm-nmi-window-step",
    "kvm-emulated-shadow",
    "kvm-breakpoint-after-step",
    "kvm-no-task-trap",
    "kvm-no-io-hits",
    "kvm-leaks-bus-lock-detect",
    "kvm-drops-shadowed-hits",
    "emulated-cpu-mov-ss-data",
    "emulated-cpu-rep-last",
    "emulated-cpu-one-data-hit",
    "emulated-cpu-rep-rf",
    "emulated-cpu-idle-step",
    "xen-takes-db",
    "xen-false-step",
    "xen-no-task-bit",
    "xen-icebp-at-f1",
    "xen-hits-accumulate",
    "xen-hits-wiped",
    "xen-loses-bus-lock",
    "disabled-hits",
]


class Quirk(NamedTuple):
    """``backend`` is a profile name, None for every platform; ``vendor`` and ``guest`` narrow it down."""

    name: QuirkName
    backend: str | None
    sentence: str
    source: str
    below: tuple[int, ...] | None = None
    since: tuple[int, ...] | None = None
    vendor: Literal["intel", "amd"] | None = None
    guest: Literal["hvm", "pv"] | None = None
    absent: str | None = None
    """What raises no #DB because of it, whoever watches; it completes "raises no #DB for"."""


def _tcg(
    name: QuirkName, sentence: str, source: str, below: tuple[int, ...] | None = None, absent: str | None = None
) -> Quirk:
    return Quirk(name, "qemu-tcg", sentence, source, below, absent=absent)


def _kvm(
    name: QuirkName,
    sentence: str,
    source: str,
    vendor: Literal["intel", "amd"] | None = None,
    absent: str | None = None,
) -> Quirk:
    return Quirk(name, "qemu-kvm", sentence, source, vendor=vendor, absent=absent)


TCG = (
    _tcg(
        "tcg-icebp-ud",
        "QEMU TCG before 9.1 has no INT1 and raises #UD for it",
        "QEMU 7.2 translate.c WANT_ICEBP; QEMU commit 73fb7b3c49",
        (9, 1),
        "INT1 (F1), but #UD",
    ),
    _tcg(
        "tcg-no-general-detect",
        "QEMU TCG of that age ignores DR7.GD",
        "QEMU 7.2 helper_get_dr, helper_set_dr; works in 10.0.2",
        (9, 1),
        "DR7.GD",
    ),
    _tcg(
        "tcg-no-task-trap",
        "QEMU TCG before 10.1 ignores the T flag of a TSS",
        "QEMU 7.2 seg_helper.c; QEMU commit ad441b8b79",
        (10, 1),
        "the T flag of a TSS",
    ),
    _tcg(
        "tcg-sti-hides-step",
        "QEMU TCG 7.2 puts the trap after STI off by one instruction",
        "QEMU 7.2.12, fixed by commit 1e94ddc685",
        (9, 1),
    ),
    _tcg(
        "tcg-mov-ss-step",
        "QEMU TCG 8.2 takes the guest's step directly behind MOV SS or POP SS",
        "measured on QEMU 8.2.2; mended by commit f0f0136abb, right in 7.2.22 and 10.0.2",
        (9, 1),
    ),
    _tcg(
        "tcg-mov-ss-data",
        "QEMU TCG does not defer data breakpoints of MOV SS",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-nested-step-data",
        "QEMU TCG delivers a second #DB inside the first when TF and a data breakpoint meet",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-io-without-step",
        "QEMU TCG leaves BS out when an I/O breakpoint meets TF",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-rep-rf",
        "QEMU TCG 7.2 pushes RF = 0 between the iterations of REP",
        "measured on QEMU 7.2.22; right in 10.0.2",
        (10,),
    ),
    _tcg(
        "tcg-rep-last",
        "QEMU TCG 10.0 leaves RIP on the REP instruction after its last iteration, and earlier ones do with icount",
        "measured on QEMU 10.0.2; QEMU 7.2 translate.c repz_opt",
    ),
    _tcg(
        "tcg-fault-rf",
        "QEMU TCG 7.2 does not set RF in the frame of a fault",
        "measured on QEMU 7.2.22; right in 10.0.2",
        (10,),
    ),
    _tcg(
        "tcg-stale-hits",
        "QEMU TCG can leave old B bits in DR6: a step shows the hit of a data breakpoint again for as long as that is "
        "armed and nothing else in its page is touched, unless a debugger has stopped the guest since",
        "QEMU check_hw_breakpoints, cpu_handle_debug_exception; measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-io-without-de",
        "QEMU TCG takes this type for I/O whatever CR4.DE says",
        "QEMU 7.2 helper_bpt_io",
    ),
    _tcg(
        "tcg-one-data-hit",
        "QEMU TCG reports one data breakpoint where two are hit",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-idt-error-code",
        "QEMU TCG 7.2 counts IDT entries of 16 bytes in units of 8 there",
        "measured on QEMU 7.2.22; right in 8.2.2 and 10.0.2",
        (8, 2),
    ),
    _tcg(
        "tcg-no-ext",
        "QEMU TCG leaves EXT clear in the error code of what comes instead of an exception or an interrupt",
        "measured on QEMU 7.2.22; do_interrupt64, do_interrupt_protected of a later seg_helper.c raise intno * 8 + 2",
    ),
    _tcg(
        "tcg-stack-gp",
        "QEMU TCG raises #GP for a stack address that is not canonical",
        "measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-step-mov-ss",
        "a step of QEMU TCG knows no shadow of MOV SS",
        "measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-own-watch-first",
        "where a watchpoint of the debugger and a data breakpoint of the guest meet, QEMU TCG reports the debugger's "
        "alone",
        "QEMU cpu_check_watchpoint; measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-breakpoints-meet",
        "where a breakpoint of the debugger and an instruction breakpoint of the guest meet, QEMU TCG raises the "
        "guest's #DB again after each return, RF or not, and never stops for the debugger; dr6 takes its own out "
        "meanwhile",
        "QEMU check_for_breakpoints, breakpoint_handler; measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-idle-step",
        "after a step in which a watchpoint or a data breakpoint was hit, and where the local APIC has just got an "
        "interrupt, QEMU TCG reports a step without running anything; dr6 repeats such a step, once",
        "QEMU x86_cpu_exec_interrupt, CPU_INTERRUPT_POLL; measured on QEMU 7.2.22 and 10.0.2",
    ),
    _tcg(
        "tcg-breakpoint-by-eip",
        "QEMU TCG stops at the linear address of an instruction breakpoint, but holds EIP against it, so in code whose "
        "CS has a base the guest never gets its #DB",
        "QEMU breakpoint_handler, check_hw_breakpoints; measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-stack-in-page",
        "where the frame is pushed into the page of the watched place, QEMU TCG delivers the #DB of a data breakpoint "
        "a second time behind the handler's first instruction",
        "measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-unaligned-data",
        "QEMU TCG takes the bytes from DRn on and does not mask its low bits",
        "QEMU hw_breakpoint_insert; measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-unaligned-store",
        "QEMU TCG 7.2 takes an unaligned store for a hit of what is watched in front of it in its page, and one in "
        "the lowest page, where anything is watched, for a hit of whatever is watched behind it",
        "QEMU 7.2 store_helper_unaligned; measured on QEMU 7.2.22; right in 10.0.2",
        (10,),
    ),
    _tcg(
        "tcg-step-over-breakpoint",
        "QEMU TCG takes no breakpoint, the guest's own neither, at the instruction from which the debugger steps",
        "QEMU check_for_breakpoints_slow; measured on QEMU 7.2.22",
    ),
    _tcg(
        "tcg-step-ignores-rf",
        "where a step of the debugger ends, QEMU TCG raises the #DB of the guest's instruction breakpoint there "
        "whatever RF is, so behind an IRET that loads RF the guest takes it again; dr6 goes over such an IRET by a "
        "watchpoint on its frame, which loses nothing",
        "QEMU breakpoint_handler, which does not ask x86_debug_check_breakpoint; measured on QEMU 7.2.22 and 10.0.2",
    ),
)

KVM = (
    _kvm(
        "kvm-reinjected-polarity",
        "QEMU injects a #DB that is not the debugger's again, and hands KVM the DR6 of the exit as a payload, whose "
        "bits KVM flips",
        "QEMU kvm_handle_debug; KVM kvm_deliver_exception_payload",
    ),
    _kvm(
        "kvm-reinjected-own-hits",
        "where the guest's TF and a breakpoint of the debugger fire together, QEMU injects both into the guest",
        "QEMU kvm_handle_debug (it looks at BS first)",
    ),
    _kvm(
        "kvm-icebp-reinjected",
        "KVM on Intel does not step over INT1 while a debugger is on, so the guest returns to it again and again",
        "KVM handle_exception_nmi; QEMU kvm_handle_debug",
        "intel",
    ),
    _kvm("kvm-no-btf", "KVM on Intel drops the guest's DEBUGCTL.BTF", "KVM vmx_set_msr, Linux 6.1", "intel"),
    _kvm(
        "kvm-step-takes-db",
        "while the debugger steps, KVM hands it every #DB, the guest's own as well, and takes the guest's TF away",
        "KVM db_interception, handle_exception_nmi, kvm_arch_vcpu_ioctl_set_guest_debug",
    ),
    _kvm(
        "kvm-hides-guest-breakpoints",
        "while a hardware breakpoint or watchpoint of the debugger is armed, KVM loads its DR0-3 and DR7 in place of "
        "the guest's",
        "KVM kvm_update_dr7, kvm_update_dr0123",
    ),
    _kvm(
        "kvm-hides-general-detect",
        "KVM on Intel looks for GD in the debugger's DR7 while one of its hardware breakpoints is armed",
        "KVM handle_dr, Linux 6.1",
        "intel",
    ),
    _kvm(
        "kvm-step-hides-watch",
        "QEMU looks at BS first and reports only the step where a watchpoint of the debugger was hit too",
        "QEMU kvm_handle_debug",
    ),
    _kvm(
        "kvm-watch-address",
        "QEMU takes the address of a watch packet from the debugger's table by the slot's number, whoever owns the hit",
        "QEMU kvm_handle_debug",
    ),
    _kvm(
        "kvm-step-past-gate",
        "a gate clears TF, so a step into a handler ends where KVM next emulates or skips an instruction",
        "KVM x86_emulate_instruction; measured on Linux 6.1",
    ),
    _kvm(
        "kvm-leaks-tf",
        "KVM steps by TF in the guest's RFLAGS, which PUSHF and the frames of INT n, exceptions and SYSCALL save",
        "measured on Linux 6.1 (kvm_amd); Linux exc_debug_kernel",
    ),
    _kvm(
        "kvm-nmi-window-step",
        "KVM on AMD steps by itself to find the end of an NMI's shadow, and QEMU injects that #DB while a hardware "
        "breakpoint of the debugger is armed",
        "KVM svm_enable_nmi_window, db_interception",
        "amd",
    ),
    _kvm(
        "kvm-emulated-shadow",
        "KVM's emulator raises the step trap behind MOV SS at once",
        "KVM kvm_vcpu_do_singlestep, Linux 6.1",
    ),
    _kvm(
        "kvm-breakpoint-after-step",
        "KVM's emulator raises an instruction breakpoint apart from the trap in front of it",
        "KVM kvm_vcpu_check_code_breakpoint, Linux 6.1",
    ),
    _kvm(
        "kvm-no-task-trap",
        "KVM does not raise the trap of a TSS's T flag",
        "KVM handle_task_switch, Linux 6.1",
        absent="the T flag of a TSS",
    ),
    _kvm(
        "kvm-no-io-hits",
        "KVM emulates IN and OUT on ports that it intercepts, and looks for no I/O breakpoints there",
        "measured on Linux 6.1 (kvm_amd, kvm_intel); LKML 2025, debug exceptions during instruction emulation",
        absent="an I/O breakpoint on a port that KVM emulates",
    ),
    _kvm(
        "kvm-leaks-bus-lock-detect",
        "KVM on AMD ran guests with the host's DEBUGCTL, whose bus lock detection then reached them",
        "Linux commit 433265870ab3, which mends it",
        "amd",
    ),
    _kvm(
        "kvm-drops-shadowed-hits",
        "KVM on Intel loses a data breakpoint that MOV SS put off, where the #DB that it goes with is injected",
        "KVM handle_exception_nmi, vmx_inject_exception (read, not measured)",
        "intel",
    ),
    _kvm(
        "emulated-cpu-mov-ss-data",
        "not KVM's own: a CPU that QEMU TCG emulates below KVM does not defer data breakpoints of MOV SS",
        "measured on kvm_amd of Linux 6.1 in QEMU 10.0.2",
    ),
    _kvm(
        "emulated-cpu-rep-last",
        "not KVM's own: a CPU that QEMU TCG 10.0 emulates below KVM leaves RIP on the REP instruction after its last "
        "iteration",
        "measured on kvm_amd of Linux 6.1 in QEMU 10.0.2",
    ),
    _kvm(
        "emulated-cpu-one-data-hit",
        "not KVM's own: a CPU that QEMU TCG emulates below KVM reports one data breakpoint where two are hit",
        "measured on kvm_amd of Linux 6.1 in QEMU 10.0.2",
    ),
    _kvm(
        "emulated-cpu-rep-rf",
        "not KVM's own: a CPU that Bochs emulates below KVM pushes RF = 0 between the iterations of REP",
        "measured on kvm_intel of Linux 6.1 in Bochs 2.7",
        "intel",
    ),
    _kvm(
        "emulated-cpu-idle-step",
        "not KVM's own: behind CPUID, port accesses and EPT violations, a CPU that Bochs emulates below KVM reports "
        "steps that ran nothing",
        "Bochs 2.7 VMexitSaveGuestState; measured on kvm_intel of Linux 6.1",
        "intel",
    ),
)

XEN = (
    Quirk(
        "xen-takes-db",
        "xen-gdbsx",
        "with gdbsx attached, Xen pauses the domain at each #DB of the guest and does not deliver it",
        "Xen domain_pause_for_debugger",
    ),
    Quirk(
        "xen-false-step",
        "xen-gdbsx",
        "Xen sets BS in every #DB that it injects into an HVM guest while TF is set",
        "Xen vmx_inject_event, svm_inject_event",
        guest="hvm",
    ),
    Quirk(
        "xen-no-task-bit",
        "xen-gdbsx",
        "Xen raises the trap of a TSS's T flag without BT",
        "Xen hvm_task_switch",
        guest="hvm",
    ),
    Quirk(
        "xen-icebp-at-f1",
        "xen-gdbsx",
        "Xen on AMD leaves RIP on an INT1 that it took for the debugger, so it repeats",
        "Xen svm.c VMEXIT_ICEBP; measured on Xen 4.17",
        vendor="amd",
        guest="hvm",
    ),
    Quirk(
        "xen-hits-accumulate",
        "xen-gdbsx",
        "Xen before 4.18 ORs B bits into a PV guest's DR6 and never clears them",
        "Xen stable-4.17 do_debug; measured on Xen 4.17",
        below=(4, 18),
        guest="pv",
    ),
    Quirk(
        "xen-hits-wiped",
        "xen-gdbsx",
        "Xen 4.18, and 4.19 and 4.20 before the fix, merges a PV guest's DR6 twice and loses the B bits",
        "Xen pv_inject_event; Xen commit d965e2ee07",
        since=(4, 18),
        below=(4, 21),
        guest="pv",
    ),
    Quirk(
        "xen-loses-bus-lock",
        "xen-gdbsx",
        "Xen on Intel writes the exit qualification into DR6 without turning BLD over",
        "Xen vmx_vmexit_handler",
        vendor="intel",
        guest="hvm",
    ),
)

ANY = (
    Quirk(
        "disabled-hits",
        None,
        "Intel allows B bits of breakpoints that DR7 does not enable; they are no cause",
        "SDM 3B 18.2.3",
    ),
)

ROWS = (*TCG, *KVM, *XEN, *ANY)
