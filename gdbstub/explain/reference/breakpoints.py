"""Pages: what DR0-DR3 and DR7 bring about, and INT3."""

from __future__ import annotations

from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.page import CausePage

B_BIT = "Bn becomes 1 (active high), and the other three of B0-B3 are replaced with it: each #DB writes the four anew."
NO_RF = "0 outside of REP, 1 between the iterations of a REP instruction."
XEN_TAKES = (
    "With gdbsx attached Xen pauses the domain for any #DB of the guest, whatever its owner, and never delivers it "
    "(measured on AMD with 4.17.7, read in 4.17 to 4.22)."
)
XEN_PV = (
    "With gdbsx attached a #DB of the guest's kernel pauses the domain and is not delivered (measured, 4.17.7); one of"
    " its user mode always is (read)."
)
PV_BITS = (
    "Xen 4.17 adds new B bits to the old ones (measured); the 4.18 branch, and development from 2024-08 to 2025-05, "
    "wipes them: the guest reads 0xffff0ff0 (read)."
)
INERT = "While the debugger has a hardware breakpoint armed, the guest's DR0-DR3 are off (measured, Linux 6.1)."

DATA_RIP = (
    "Behind the instruction that made the access (for a branch its target): it is done. On a REP instruction itself "
    "while iterations remain. After MOV SS or POP SS behind the instruction that follows, and where that one is INT n, "
    "INT3, SYSCALL or SYSENTER, on the first instruction of what it enters (CVE-2018-8897)."
)
DATA_DEFERRED = (
    "MOV SS and POP SS put it off until after the next instruction, and it arrives with what that one causes. RF, STI "
    "and LSS have no effect."
)
DATA_INTEL = (
    "The P6 family could report a REP MOVS or STOS one iteration late; fast strings are model-specific. A B bit may be "
    "set for a match that DR7 does not enable."
)
DATA_AMD = (
    "With DBEXT a mask register widens the range, up to an aligned 4 GiB. B bits are set for enabled matches only, "
    "according to the APM (not checked, and disputed)."
)
DATA_TCG = (
    "Not deferred by MOV SS; with TF, a second #DB inside of the first; of two registers that one store hits, only the "
    "first (all three measured, 7.2.22). A watchpoint of the debugger on the same place wins, and the guest's #DB is "
    "lost."
)
DATA_KVM = (
    INERT
    + " While it only steps, a hit of the guest goes to the debugger and is lost to the guest; QEMU may report it "
    "as a watchpoint with a stale address, or as a plain step (read). Accesses that KVM emulates, like MMIO, never hit."
)
DATA_XEN = XEN_TAKES + " Accesses that Xen emulates never hit (read)."
DATA_CERTAIN = (
    "DR6.Bn, DR7 and DRn are known, and an operand of the instruction that ran is known to lie in the range. Read "
    "backwards from RIP only, that instruction is called probable."
)
DATA_ADVICE = (
    "Step from a little before: then the instruction is known. If no access fits, look for MOV SS one instruction "
    "earlier, and for a B bit that was left from before."
)
DATA_SOURCES = (
    *("SDM 3B 18.3.1.2", "SDM 3B 18.2.3", "SDM 3A 6.8.3", "APM 2 13.1 (not checked)", "kvm-unit-tests debug.c"),
    *("QEMU kvm_handle_debug", "QEMU check_hw_breakpoints", "Xen x86_merge_dr6", "CVE-2018-8897", "XSA-444"),
)

BREAKPOINTS: dict[CauseName, CausePage] = {
    "instruction-breakpoint": CausePage(
        definition="The instruction that DRn points to was about to run, and DR7 enables DRn for execution (R/W = 00).",
        classes=("fault",),
        why="The match is looked for before the instruction runs, so nothing of it has happened.",
        rip="The instruction of DRn. DRn is a linear address: CS base + RIP.",
        rf=(
            "0: a match needs RF = 0, and unlike other faults this one does not push 1; AMD says that it clears RF. So "
            "the handler has to set RF in the frame or disable the breakpoint, or the fault repeats."
        ),
        dr6=B_BIT,
        held_back=(
            "RF = 1 suppresses it for one instruction. On Intel MOV SS or POP SS in front suppresses it, too. STI has "
            "no effect."
        ),
        intel="Suppressed on the instruction behind MOV SS and POP SS. A B bit may be set without being enabled.",
        amd="Fires behind MOV SS and POP SS. B bits are set for enabled matches only (not checked, and disputed).",
        platforms=(
            (
                "QEMU TCG",
                "Delivered to the guest, before a debugger's breakpoint at the same address. A DRn that is not enabled "
                "sets its B bit when the next RIP equals it (measured, 7.2.22).",
            ),
            (
                "QEMU/KVM",
                INERT
                + " While it only steps, the #DB goes to QEMU, which stops and does not pass it on: RIP stays, and so "
                "it does at every further step (KVM's part measured, QEMU's read).",
            ),
            ("Xen HVM", XEN_TAKES + " RF is not set, so it comes again at once (measured): set RF in RFLAGS to go on."),
            ("Xen PV", XEN_PV + " " + PV_BITS),
        ),
        certain="DR6.Bn, DR7 and DRn are known, and the saved RIP with the base of its CS is DRn.",
        confused=(
            ("data-write", "DR7 tells which: R/Wn is 01."),
            ("data-access", "DR7 tells which: R/Wn is 11."),
            ("single-step", "BS beside Bn is no contradiction: one #DB reports the step and the breakpoint it led to."),
        ),
        advice="Set RF in the saved RFLAGS. With KVM continue instead of stepping, or clear the enable bit in DR7.",
        sources=(
            *("SDM 3B 18.3.1.1", "SDM 3B 18.2.3", "APM 2 13.1 (not checked)"),
            "LKML 2022-07-06, Treat #DBs from the emulator as fault-like",
            *("KVM kvm_is_code_breakpoint_inhibited", "QEMU kvm_handle_debug", "Xen domain_pause_for_debugger"),
        ),
    ),
    "data-write": CausePage(
        definition="An instruction wrote to what DRn covers, and DR7 enables DRn for writes (R/W = 01).",
        classes=("trap",),
        why="The CPU compares addresses as it makes the access: the old value is overwritten when the #DB comes.",
        rip=DATA_RIP,
        rf=NO_RF,
        dr6=B_BIT,
        held_back=DATA_DEFERRED,
        intel=DATA_INTEL,
        amd=DATA_AMD,
        platforms=(
            ("QEMU TCG", DATA_TCG),
            ("QEMU/KVM", DATA_KVM),
            ("Xen HVM", DATA_XEN),
            ("Xen PV", XEN_PV + " " + PV_BITS),
        ),
        certain=DATA_CERTAIN,
        confused=(
            ("data-access", "DR7 tells which: R/Wn is 11; it fires for writes as well."),
            ("instruction-breakpoint", "The same bits; R/Wn is 00, and the saved RIP is DRn."),
        ),
        advice=DATA_ADVICE,
        sources=DATA_SOURCES,
    ),
    "data-access": CausePage(
        definition="An instruction read or wrote what DRn covers, and DR7 enables DRn for both (R/W = 11).",
        classes=("trap",),
        why="As with data-write the access is over. x86 has no breakpoint for reads alone, and a fetch is no read.",
        rip=DATA_RIP,
        rf=NO_RF,
        dr6=B_BIT,
        held_back=DATA_DEFERRED,
        intel=DATA_INTEL,
        amd=DATA_AMD,
        platforms=(
            ("QEMU TCG", DATA_TCG),
            ("QEMU/KVM", DATA_KVM),
            ("Xen HVM", DATA_XEN),
            ("Xen PV", XEN_PV + " " + PV_BITS),
        ),
        certain=DATA_CERTAIN,
        confused=(("data-write", "DR7 tells which: R/Wn is 01."), ("io-breakpoint", "R/Wn is 10, and DRn a port.")),
        advice=DATA_ADVICE,
        sources=DATA_SOURCES,
    ),
    "io-breakpoint": CausePage(
        definition="IN, OUT, INS or OUTS used a port that DRn covers (R/W = 10), with CR4.DE set.",
        classes=("trap",),
        why="The port was accessed when the #DB comes.",
        rip="Behind the instruction. On REP INS or OUTS after the first iteration already, while others remain.",
        rf=NO_RF,
        dr6=B_BIT,
        held_back="Needs CR4.DE = 1; with DE = 0 the type is undefined. A MOV SS in front defers it.",
        intel="No difference known.",
        amd="No difference known.",
        platforms=(
            (
                "QEMU TCG",
                "Leaves BS out where TF was set as well (measured, 7.2.22). Fires whatever CR4.DE is, and does not "
                "mask the port by the length (read).",
            ),
            ("QEMU/KVM", INERT + " Never fires on ports that KVM intercepts and emulates (measured), which is most."),
            ("Xen HVM", XEN_TAKES + " Never fires on accesses that Xen emulates (read)."),
            (
                "Xen PV",
                "Xen emulates it, and sets BS in the same #DB where TF was set. That #DB goes straight to the guest, "
                "also with gdbsx attached (read).",
            ),
        ),
        certain="DR6.Bn, DR7, DRn and CR4.DE = 1 are known, and the instruction that ran uses a port in the range.",
        confused=(("data-access", "DR7 tells which: R/Wn is 11, and DRn a linear address."),),
        advice="Without a hit, look at CR4.DE first, and then whether the hypervisor emulates the port.",
        sources=("SDM 3B 18.3.1.2", "SDM 3B 18.2.4", "QEMU helper_bpt_io", "KVM emulator_pio_in_out"),
    ),
    "general-detect": CausePage(
        definition="A MOV to or from a debug register was about to run while DR7.GD was set.",
        classes=("fault",),
        why="GD is checked before the MOV runs, so that a debugger can keep the registers for itself.",
        rip="The MOV.",
        rf=(
            "0 on several generations of Intel and AMD hardware, although the manuals' rule for faults says 1. The CPU "
            "clears GD as it delivers the #DB, so the MOV succeeds when the handler returns."
        ),
        dr6="BD becomes 1 (active high) and stays until software clears it.",
        held_back="Only at CPL 0; elsewhere MOV DR is #GP. MOV SS, STI and RF have no effect.",
        intel="A VM exit for MOV DR comes first, so the hypervisor has to emulate GD.",
        amd="The CPU checks GD itself, before the intercept (inferred).",
        platforms=(
            ("QEMU TCG", "7.2 ignores GD (measured); 10.0.2 has it (measured)."),
            (
                "QEMU/KVM on AMD",
                "Delivered to the guest, with hardware breakpoints of the debugger as well (measured, Linux 6.1).",
            ),
            (
                "QEMU/KVM on Intel",
                "Ignored while the debugger has hardware breakpoints (measured, Linux 6.1): KVM looks at their DR7 "
                "(read).",
            ),
            ("Xen HVM", XEN_TAKES + " Where Xen injects it, Xen clears GD (read)."),
            ("Xen PV", "Does not happen: Xen refuses a DR7 with GD, with #GP (read)."),
        ),
        certain="BD is new in DR6, and the instruction at the saved RIP is a MOV DR.",
        confused=(("exception", "#GP (13) is MOV DR at CPL > 0, #UD (6) is DR4 or DR5 with CR4.DE set."),),
        advice="Let the handler clear BD, and set DR7.GD again if it is wanted: the CPU has cleared it.",
        sources=(
            *("SDM 3B 18.3.1.3", "SDM 3B 18.2.4", "APM 2 13.1 (not checked)", "kvm-unit-tests debug.c"),
            *("LKML 2022-07-06, Treat #DBs from the emulator as fault-like", "KVM handle_dr", "Xen set_debugreg"),
        ),
    ),
    "software-breakpoint": CausePage(
        definition="INT3 (CC) or INT 3 (CD 03) ran: a #BP, vector 3, and no #DB.",
        classes=("trap", "none"),
        why=(
            "INT3 completes, and the frame names the instruction behind it: a trap. INT 3 (CD 03) is a software "
            "interrupt like every INT n, which is no exception and so of no class; the frame names the same."
        ),
        rip=(
            "Behind the CC or CD 03. QEMU's stub reports a breakpoint of the debugger at the CC, gdbsx one byte behind"
            " it."
        ),
        rf="0.",
        dr6="Unchanged.",
        held_back="Nothing. CC skips the IOPL and VME checks that INT 3 (CD 03) is subject to.",
        intel="VM exits leave RIP at the CC, with the instruction's length beside it.",
        amd="VM exits leave RIP at the CC; without NRIPS the hypervisor has to decode it.",
        platforms=(
            ("QEMU TCG", "An INT3 of the guest is delivered. The stub's own never show in memory (measured, 7.2.22)."),
            (
                "QEMU/KVM",
                "KVM gives every #BP to QEMU while there are software breakpoints; QEMU injects those that are not its "
                "own again. The stub patches CC into the guest's memory, where reads show it (read).",
            ),
            (
                "Xen HVM",
                "With gdbsx attached Xen takes every CC, the guest's too, at any CPL (read; measured on AMD only "
                "where the CPU lets Xen intercept it). CD 03 goes to the guest (measured on AMD, 4.17.7).",
            ),
            (
                "Xen PV",
                "With gdbsx attached Xen takes both forms from the guest's kernel (measured, 4.17.7); user mode gets "
                "its own (read).",
            ),
        ),
        certain=(
            "For the debugger's: the guest ran and stopped where one was set. For the guest's: it stands at its "
            "handler of vector 3, and CC or CD 03 is in front of the saved RIP."
        ),
        confused=(
            ("icebp", "F1 instead of CC, and vector 1."),
            ("instruction-breakpoint", "A fault of vector 1: the instruction has not run, and no CC is needed."),
        ),
        advice="A CC that is not yours is the guest's. QEMU hands it on by itself; with gdbsx the guest never gets it.",
        sources=(
            *("SDM 3B 18.3.2", "SDM 2A INT n", "APM 2 8.2 (not checked)", "QEMU kvm_arch_insert_sw_breakpoint"),
            *("KVM handle_exception_nmi", "KVM bp_interception", "Xen do_int3", "gdbsx process_c_request"),
        ),
    ),
}
