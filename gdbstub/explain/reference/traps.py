"""Pages: #DBs that need no DR0-DR3, and INT 1, which is none."""

from __future__ import annotations

from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.breakpoints import NO_RF, XEN_PV, XEN_TAKES
from gdbstub.explain.reference.page import CausePage

TRAPS: dict[CauseName, CausePage] = {
    "single-step": CausePage(
        definition="An instruction completed that had begun with RFLAGS.TF set.",
        classes=("trap",),
        why="TF is looked at when the instruction begins, and the #DB comes when it is done.",
        rip="The next instruction. On REP it stays on the instruction until the last iteration is done.",
        rf=NO_RF,
        dr6="BS becomes 1 (active high) and stays until software clears it.",
        held_back=(
            "The instruction that sets TF (POPF, IRET) does not trap, the one that clears it still does. MOV SS and "
            "POP SS put the trap off until after the next instruction; STI does not. Gates clear TF, so INT n does not"
            " trap. SYSCALL and SYSRET go by the TF that they leave; SYSENTER keeps TF. A fault of the instruction "
            "comes instead."
        ),
        intel="VM entry with TF and a MOV SS or STI shadow needs BS among the pending debug exceptions (XSA-308).",
        amd="A VMRUN that loads TF = 1 traps behind the first instruction of the guest.",
        platforms=(
            (
                "QEMU TCG",
                "7.2 puts the trap after STI off by one, 10.0.2 not; RF is 0 between iterations (measured). A "
                "debugger's step never shows in the guest.",
            ),
            (
                "QEMU/KVM",
                "A debugger's step sets TF in the guest: PUSHF, INT n and exceptions save it, and the guest gets #DBs"
                " of its own later, which dr6 calls debugger-leak. KVM clears a TF of the guest when stepping ends "
                "(both measured, Linux 6.1). A #DB that QEMU injects again has DR6 in the wrong polarity: 0x4000 for "
                "0xffff4ff0.",
            ),
            (
                "Xen HVM",
                XEN_TAKES
                + " gdbsx steps by TF in the guest's RFLAGS on AMD, where PUSHF shows it (measured), and by MTF on "
                "Intel (read). Xen sets BS in any #DB that it injects while TF is set, whatever the cause (read).",
            ),
            (
                "Xen PV",
                XEN_PV
                + " gdbsx steps by TF in the guest's RFLAGS, and BS goes into the guest's DR6 (measured). Over an "
                "instruction that Xen emulates, like RDTSC, a step covers two, and the guest's handler runs "
                "(measured).",
            ),
        ),
        certain=(
            "A step of the debugger: it was asked for, and RIP is where the known instruction leads. The guest's: BS "
            "is new in DR6, TF is 1 in the frame, and BTF was off or no branch ran."
        ),
        confused=(
            ("branch-step", "The same bit; DEBUGCTL.BTF, which no stub shows and which the CPU clears, tells."),
            ("icebp", "INT1 sets no bit; with TF set, Xen adds BS to it. F1 is in front of the saved RIP."),
            ("instruction-breakpoint", "Both can be in one #DB, and then both are reported."),
        ),
        advice="Clear BS in the handler, or a later #DB shows it again. Step over PUSHF and INT n with a breakpoint.",
        sources=(
            *("SDM 3B 18.3.1.4", "SDM 3A 6.8.3", "APM 2 13.1 (not checked)", "kvm-unit-tests debug.c"),
            *("KVM kvm_vcpu_do_singlestep", "KVM kvm_arch_vcpu_ioctl_set_guest_debug", "Xen vmx_inject_event"),
            *("XSA-204", "XSA-308"),
        ),
    ),
    "branch-step": CausePage(
        definition="A branch was taken while RFLAGS.TF and DEBUGCTL.BTF were set.",
        classes=("trap",),
        why="With BTF set TF traps taken branches only, when they are done.",
        rip="The branch target.",
        rf="0.",
        dr6="BS becomes 1, as for a single step.",
        held_back="As for a single step. The CPU clears BTF when it delivers the #DB, so software has to set it again.",
        intel="Whether interrupts and exceptions count as branches is model-specific: manuals differ by edition.",
        amd="Clears LBR and BTF at the #DB.",
        platforms=(
            ("QEMU TCG", "Has no BTF: TF traps every instruction (measured, 7.2.22 and 10.0.2)."),
            ("QEMU/KVM on AMD", "DEBUGCTL is switched only with LBR virtualization (read, Linux 6.1)."),
            ("QEMU/KVM on Intel", "Drops the guest's write of BTF, so the guest single-steps (read, Linux 6.1)."),
            ("Xen HVM", XEN_TAKES + " Xen's emulator honours BTF (read)."),
            ("Xen PV", XEN_PV),
        ),
        certain="BS is new in DR6, TF is 1 in the frame, and DEBUGCTL.BTF was known to be set before.",
        confused=(("single-step", "The same bit. Behind an instruction that is no branch it is a single step."),),
        advice="Give --debugctl, or BTF in the evidence: without it an answer behind a branch is at most likely.",
        sources=("SDM 3B 18.4.3", "APM 2 13.1 (not checked)", "KVM vmx_set_msr", "LKML 2022-07-18, MTF and ICEBP"),
    ),
    "task-switch": CausePage(
        definition="The CPU switched to a task whose TSS has its T flag set.",
        classes=("trap",),
        why="The switch is complete, and the #DB is delivered in the new task.",
        rip="The first instruction of the new task.",
        rf="As in the new task's image of EFLAGS.",
        dr6=(
            "BT becomes 1 (active high) and stays until software clears it. Hardware delivers BT alone (inferred from "
            "its rank)."
        ),
        held_back="Nothing: it ranks above all other debug traps, and above MTF. A task switch clears L0-L3 in DR7.",
        intel="No difference known.",
        amd="No difference known.",
        platforms=(
            ("QEMU TCG", "7.2 and 10.0 ignore the T flag (measured, 7.2.22 and 10.0.2); 10.1 has it (cited)."),
            ("QEMU/KVM", "KVM emulates task switches, and does not raise this #DB (read, Linux 6.1)."),
            ("Xen HVM", "Raises the #DB without BT: DR6 shows no cause (read). " + XEN_TAKES),
            ("Xen PV", "Does not happen: a PV guest has no hardware task switches (inferred)."),
        ),
        certain="BT is new in DR6, and TR names another task than before.",
        confused=(("injected", "DR6 without a bit on Xen: TR tells, if it is known from before."),),
        advice=(
            "Clear BT in the handler. If the handler of vector 1 is a task gate, keep T out of its own TSS: it loops."
        ),
        sources=(
            *("SDM 3B 18.3.1.5", "SDM 3A 7.2.1", "LKML 2022-07-18, MTF and ICEBP", "KVM handle_task_switch"),
            *("Xen hvm_task_switch", "QEMU commit ad441b8b79"),
        ),
    ),
    "icebp": CausePage(
        definition="INT1 (opcode F1, ICEBP) ran: a #DB that software asks for.",
        classes=("trap",),
        why=(
            "The instruction completes. To a hypervisor it is an instruction intercept all the same, with RIP on the "
            "F1."
        ),
        rip="Behind the F1 and its prefixes.",
        rf="0.",
        dr6="No bit. So DR6 = 0xffff0ff0 at the handler points here; BS stays 0 even with TF set.",
        held_back="Nothing: no DPL or IOPL check, no MOV SS, no STI, and it ranks above MTF.",
        intel="Old B bits are cleared. A VMX exit reports it as #DB of type 5 (privileged software exception).",
        amd=(
            "Old B bits are kept (one comment in Xen). The #DB intercept does not catch it: it has an intercept of its"
            " own."
        ),
        platforms=(
            ("QEMU TCG", "#UD before 9.1 (measured, 7.2.22); a #DB behind it in 10.0.2 (measured)."),
            (
                "QEMU/KVM on AMD",
                "Not intercepted: delivered to the guest; a debugger's step over it ends inside of the handler "
                "(measured).",
            ),
            (
                "QEMU/KVM on Intel",
                "While the debugger steps or has a hardware breakpoint, KVM does not skip the F1 and QEMU injects "
                "again: DR6 is 0, the saved RIP is the F1, and the guest returns to it for ever (measured, Linux "
                "6.1).",
            ),
            (
                "Xen HVM",
                XEN_TAKES
                + " On AMD RIP stays on the F1, so it comes again on resume (measured, 4.17.7). On Intel BS is added "
                "where TF is set (inferred).",
            ),
            ("Xen PV", XEN_PV + " RIP is behind the F1 (measured)."),
        ),
        certain="F1 is the byte in front of the saved RIP, and DR6 has no bit for a cause.",
        confused=(
            ("software-interrupt", "CD 01 goes through the same gate. Both leave DR6 alone; the bytes tell."),
            ("injected", "DR6 shows nothing either, but no F1 is in front of the saved RIP."),
            ("single-step", "F1 can be the last byte of an immediate; then BS is new."),
        ),
        advice="If it repeats, move RIP past the F1; under KVM it is enough to take the hardware breakpoints out.",
        sources=(
            *("SDM 3B 18.2.3", "SDM 3A 6.15 (#DB)", "kvm-unit-tests debug.c", "KVM handle_exception_nmi"),
            *("LKML 2022-07-18, MTF and ICEBP", "Xen VMEXIT_ICEBP", "Xen x86_merge_dr6", "QEMU commit 73fb7b3c49"),
        ),
    ),
    "bus-lock": CausePage(
        definition="Code at CPL > 0 took a bus lock while DEBUGCTL bit 2 was set.",
        classes=("trap",),
        why="The locked access is done: it crossed a cache line, or went to uncached memory.",
        rip="Behind the locking instruction.",
        rf="0.",
        dr6="BLD becomes 0 (active low). Whether other #DBs set it back to 1 is disputed between KVM, Xen and the APM.",
        held_back="CPL 0 never traps. The priority is that of the other traps of the instruction before.",
        intel="A VMX control can give bus locks VM exits as well; that is no #DB.",
        amd="Newer parts only, with the same bits.",
        platforms=(
            ("QEMU TCG", "Does not exist (measured, 7.2.22 and 10.0.2)."),
            (
                "QEMU/KVM",
                "Where the #DB goes to QEMU, DR6 of the exit has no BLD on Intel (read), and QEMU injects it again in"
                " the wrong polarity: a Linux guest may then take BLD for a cause of any #DB (inferred).",
            ),
            ("QEMU/KVM on AMD", "Kernels before commit 433265870ab3 could run the guest with the host's setting."),
            ("Xen HVM", XEN_TAKES + " On Intel BLD is lost on the way to DR6 (inferred)."),
            ("Xen PV", XEN_PV),
        ),
        certain="BLD is new in DR6, CPL was 3, and a LOCK or an XCHG with memory is in front of the saved RIP.",
        confused=(("injected", "A DR6 of 0x4000 or the like has bit 11 clear because it was injected again."),),
        advice="Write 0xffff0ff0 to DR6 in the handler, never 0: a 0 there asserts BLD and RTM.",
        sources=("SDM 3B 18.3.1.6", "Linux buslock.rst", "KVM commit e8ea85fb28", "Linux commit 433265870ab3"),
    ),
    "rtm": CausePage(
        definition="A #DB or #BP came inside of a transaction, with advanced debugging of RTM on.",
        classes=("trap",),
        why="The transaction is rolled back first, so nothing of it has happened; dr6 counts it among the traps.",
        rip="The XBEGIN.",
        rf="Not known.",
        dr6="RTM (bit 16) becomes 0 (active low). For a single step it was the only bit, without BS (seen on VMX).",
        held_back="Needs DR7.RTM and DEBUGCTL bit 15; without them the event aborts the transaction and no #DB comes.",
        intel="Parts with RTM only.",
        amd="Does not exist: RTM reads 1.",
        platforms=(
            ("QEMU TCG", "Not known."),
            (
                "QEMU/KVM",
                "The DR6 of the exit has RTM = 1 (read); other #DBs set it back to 1 in the guest's DR6 (cited).",
            ),
            ("Xen HVM", XEN_TAKES + " On Intel RTM is lost on the way to DR6 (read)."),
            ("Xen PV", XEN_PV),
        ),
        certain="RTM is new in DR6, and the instruction at the saved RIP is XBEGIN.",
        confused=(("injected", "A DR6 whose fixed ones are 0 was injected again; its bit 16 says nothing."),),
        advice="Write 0xffff0ff0 to DR6, never 0. To see the event inside, debug with RTM off.",
        sources=("SDM 3B 18.3.3", "SDM 3B 18.2.3", "kvm-unit-tests vmx_tests.c", "KVM commit f10c729ff965"),
    ),
    "injected": CausePage(
        definition="A hypervisor put a #DB into the guest that no rule of the architecture accounts for.",
        classes=("none",),
        why="Whoever injects it chooses RIP and DR6, so neither says what ran.",
        rip="Wherever the guest was entered.",
        rf="As the hypervisor chose.",
        dr6="As the hypervisor chose; often no bit.",
        held_back="Nothing that is known.",
        intel="Delivered on VM entry, by the entry's interruption information.",
        amd="Delivered on VMRUN, by EVENTINJ. A guest's #DB in a shadow can be delivered in the host (erratum 246).",
        platforms=(
            ("QEMU TCG", "None is known."),
            (
                "QEMU/KVM",
                "KVM_GUESTDBG_INJECT_DB brings no payload: DR6 stays as it was (measured, Linux 6.1). QEMU injects "
                "again what is not the debugger's, in the wrong polarity.",
            ),
            ("QEMU/KVM on AMD", "KVM's own step to the end of an NMI shadow may reach the guest as BS (inferred)."),
            (
                "Xen HVM",
                "For a task switch with T set the #DB has no BT; the emulator's steps get BS because TF is set.",
            ),
            ("Xen PV", "The 4.18 branch wipes B bits, which looks the same (read)."),
        ),
        certain="Never: it is a conclusion from what is missing. Likely where DR6 was plainly injected again.",
        confused=(
            ("icebp", "F1 is in front of the saved RIP."),
            ("software-interrupt", "CD 01 is in front of the saved RIP."),
            ("task-switch", "TR has changed."),
        ),
        advice="Step there under TCG, or without hardware breakpoints: if it is gone, the hypervisor made it.",
        sources=("KVM kvm_arch_vcpu_ioctl_set_guest_debug", "QEMU kvm_handle_debug", "Xen hvm_task_switch"),
    ),
    "software-interrupt": CausePage(
        definition="INT 1 (CD 01) ran: a software interrupt through vector 1, and no #DB.",
        classes=("none",),
        why=(
            "The handler is that of #DB, but the event is not: INT n is a software interrupt, whatever vector it "
            "names, and neither a fault nor a trap."
        ),
        rip="Behind the two bytes.",
        rf="0.",
        dr6="Unchanged, so bits that the handler finds there are old.",
        held_back="The gate's DPL, and IOPL in virtual-8086 mode: at CPL 3 it is #GP unless the gate allows it.",
        intel="No difference known.",
        amd="No difference known.",
        platforms=(
            ("QEMU TCG", "As on hardware; refused, the error code is 0x12 instead of 0x0a (measured, 7.2.22)."),
            ("QEMU/KVM", "Not known to differ."),
            ("Xen HVM", "Not taken for a #DB: Xen goes by the event's type (read)."),
            ("Xen PV", "Not known."),
        ),
        certain="CD 01 is in front of the saved RIP, and DR6 has no new bit.",
        confused=(("icebp", "F1 instead of CD 01; a real #DB."),),
        advice="A handler that wants to know looks at the two bytes in front of the saved RIP.",
        sources=("SDM 2A INT n", "SDM 3A 6.4.4", "kvm-unit-tests debug.c", "Xen svm_inject_event"),
    ),
}
