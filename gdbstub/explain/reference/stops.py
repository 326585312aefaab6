"""Pages: other vectors, stops of the machine, and what dr6 says where it does not know."""

from __future__ import annotations

from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.page import CausePage

STOPS: dict[CauseName, CausePage] = {
    "exception": CausePage(
        definition="The guest stands at its handler of another vector that is caught, like #GP or #PF.",
        classes=("fault", "trap", "none"),
        why="By the vector: most are faults, #OF and INT n are done, and aborts and interrupts name no instruction.",
        rip="A fault: the instruction that raised it. A trap or INT n: behind it. #DF and #MC: nothing to rely on.",
        rf=(
            "1 for faults, so that an instruction breakpoint on the same instruction does not fire on return; 0 for "
            "INT n."
        ),
        dr6="Unchanged.",
        held_back="An instruction breakpoint comes before every other fault of the same instruction.",
        intel="#VE (20), and in the error code of #PF the bits of SGX and HLAT, are Intel's.",
        amd="#HV (28), #VC (29) and #SX (30), and in the error code of #PF the bit of RMP, are AMD's.",
        platforms=(
            (
                "QEMU TCG",
                "7.2 pushes RF = 0 for faults, and its error codes that name a gate of the 64-bit IDT are wrong (both "
                "measured, 7.2.22).",
            ),
            (
                "QEMU/KVM",
                "Not known to differ. A patch for AMD that was proposed in 2021, force_intercept_exceptions_mask, "
                "would take any: #DF then has error code 0, and #TS is not handed on but raised again. Linux 6.1 "
                "does not have it.",
            ),
            ("Xen HVM", "Goes to the guest, with gdbsx attached as well (measured, 4.17.7)."),
            ("Xen PV", "The same; Xen builds the frame, and calls the handler that the guest has registered."),
        ),
        certain="The guest stands at the first instruction of the handler, and no other vector shares it.",
        confused=(
            ("software-interrupt", "INT n through that vector: the bytes CD n are in front of the saved RIP."),
            (
                "unknown",
                "In real mode a BIOS leaves IRQ 0-7 on vectors 8-15: dr6 then says possible, unless IF was 0.",
            ),
        ),
        advice="Read the error code first; for #PF then CR2, and which operand of the instruction it lies in.",
        sources=("SDM 3A 6.15", "APM 2 8.2 (not checked)", "LKML 2021-09-02, force_intercept_exceptions_mask"),
    ),
    "interrupt-request": CausePage(
        definition="The debugger, or somebody else, paused the machine; no exception was involved.",
        classes=("none",),
        why="The guest stands between two instructions.",
        platforms=(
            ("QEMU TCG", "T02, after 0x03 or a pause by the monitor."),
            ("QEMU/KVM", "The same."),
            ("Xen HVM", "gdbsx does not read 0x03; it says T02thread:0 for a pause of the domain, and for every #DB."),
            ("Xen PV", "The same."),
        ),
        certain="The debugger asked for it, and QEMU's stub answered with signal 2; other stubs may say 5 or 0.",
        confused=(("single-step", "gdbsx has one answer for a pause and for any #DB of the guest: DR6 has to tell."),),
        advice="If the debugger had not asked, look for who paused it: a monitor, a migration, an I/O error.",
        sources=("QEMU gdb_vm_state_change", "gdbsx process_c_request"),
    ),
    "shutdown": CausePage(
        definition="The guest is gone: it shut down, or the connection to its stub has ended.",
        classes=("none",),
        why="There is no vCPU left to ask.",
        platforms=(("QEMU TCG", "W00, X, or signal 3 with -no-shutdown."), ("QEMU/KVM", "The same.")),
        certain="The stub said so.",
        confused=(("internal-error", "Signal 6: the hypervisor gave up; the guest had not asked to end."),),
        advice="For a triple fault start QEMU with -no-reboot -d int,cpu_reset, and catch df.",
        sources=("QEMU gdb_vm_state_change", "gdb manual E.3"),
    ),
    "internal-error": CausePage(
        definition="The hypervisor could not go on with the guest.",
        classes=("none",),
        why="It is a failure of the hypervisor, often an instruction that it could not emulate.",
        platforms=(
            ("QEMU/KVM", "T06, after KVM_EXIT_INTERNAL_ERROR; no further resume is answered (observed)."),
            ("QEMU TCG", "Not known to happen."),
        ),
        certain="QEMU's stub reports signal 6.",
        confused=(("shutdown", "The guest's own doing."),),
        advice="QEMU's standard error and the kernel log of the host say what failed.",
        sources=("QEMU gdb_vm_state_change", "KVM KVM_EXIT_INTERNAL_ERROR"),
    ),
    "spurious": CausePage(
        definition="The stub reports a debug stop that nothing known accounts for.",
        classes=("none",),
        why="Nothing is known to have run or to be about to.",
        platforms=(
            ("QEMU TCG", "The resume after a watchpoint stops once more without progress (measured, 7.2.22)."),
            ("QEMU/KVM", "A B bit of a register that is not enabled reads as a breakpoint to QEMU (inferred)."),
        ),
        certain="Never: it is what remains.",
        confused=(("unknown", "There too little is known; here enough is, and nothing fits."),),
        advice="Resume once more. If it repeats at this address, look at the guest's DR7, and for code F1 and CC.",
        sources=("QEMU kvm_handle_debug",),
    ),
    "unknown": CausePage(
        definition="The evidence accounts for no cause.",
        classes=("none",),
        why="What is not known is not guessed.",
        certain="Never.",
        confused=(("spurious", "There enough is known to say that nothing fits."),),
        advice="The answer lists the facts that were missing. Catch the vector (catch db): at the handler DR6 is real.",
        sources=("docs/explaining.md",),
    ),
}
