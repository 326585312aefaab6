"""What QEMU does to debug exceptions under TCG and under KVM, and the words that explanations use of it."""

from __future__ import annotations

from gdbstub.explain.abilities import AMD, ANY_VENDOR, INTEL, Abilities, Ability, Meaning

_HANDLE_DEBUG = ("QEMU kvm_handle_debug",)
_SIGNALS = ("QEMU gdb_vm_state_change",)
_SAYS = {
    0x03: Meaning("shutdown", "guest", "the stub reports SIGQUIT: shutdown"),
    0x06: Meaning("internal-error", "hypervisor", "the stub reports SIGABRT: the hypervisor could not go on"),
    0x0E: Meaning("unknown", "hypervisor", "the stub reports SIGALRM: QEMU's watchdog expired"),
    0x11: Meaning("unknown", "hypervisor", "the stub reports an I/O error of the machine"),
    0x17: Meaning("unknown", "hypervisor", "the stub reports an I/O error of the machine"),
    0x18: Meaning("unknown", "hypervisor", "the stub reports that the machine was migrated away"),
}
_FORCED = (
    "Proposed patch, not in mainline: if this KVM has force_intercept_exceptions_mask (LKML 2021-09-02) with this "
    "vector in it, {}."
)
_FORCED_VECTORS = {
    2: "an intercept of vector 2 is undefined on SVM",
    8: "SVM tells no error code for #DF, so KVM would inject it again with 0, which is what hardware pushes",
    9: "an intercept of vector 9 is undefined on SVM",
    10: "KVM could not inject #TS again; it would drop that intercept and let the instruction raise #TS once more",
}

TCG = Abilities(
    step_stops_at_handler=True,
    steps_off_breakpoints=Ability("TCG steps over breakpoints: it was none", ("QEMU check_for_breakpoints_slow",)),
    guest_keeps_db=True,
    drops_btf=ANY_VENDOR,
    repeats_db_in_delivery=True,
    injects_no_db=Ability("TCG injects no #DB, so software has gone to the handler, by a jump, a call or a return"),
    keeps_old_hits=Ability(
        "TCG shows an earlier hit's bit again beside BS, where no debugger stopped the guest since",
        ("QEMU check_hw_breakpoints", "QEMU cpu_handle_debug_exception"),
    ),
    may_lack_icebp=Ability("QEMU's version is not known: before 9.1 its TCG has no INT1"),
    debug_stop_sources=("QEMU check_for_breakpoints_slow",),
    signal_sources=_SIGNALS,
    signals=_SAYS,
    sigint_is_pause=True,
    watches_are_its_own=True,
    own_watch_first=True,
    breaks_by_eip=Ability(
        "CS has a base, and TCG compares the breakpoint's address with EIP",
        ("QEMU breakpoint_handler",),
        "Step over this instruction: each continue stops here again, and the guest's handler never runs. "
        "Without a debugger QEMU crashes here.",
    ),
    breakpoints_meet=Ability(
        advice="Delete the debugger's breakpoint at this address: where both meet, QEMU TCG never gets past the "
        "guest's."
    ),
    breaks_behind_step=Ability(
        sources=("QEMU breakpoint_handler", "QEMU x86_debug_check_breakpoint"),
        advice="RF is set in the frame already, and a step of the debugger's over the IRET loses it on QEMU TCG: "
        "continue from there instead.",
    ),
)

KVM = Abilities(
    steps_by_tf=True,
    step_goes_past_gate=Ability(
        "the instruction entered a handler, and the gate cleared TF: under KVM the step ends where KVM next emulates",
        ("KVM x86_emulate_instruction",),
    ),
    loses_step_at_new_rip=Ability(  # KVM arms a step for the RIP of KVM_SET_GUEST_DEBUG; QEMU writes registers later
        advice="If RIP was written before this step, KVM lost the step and the guest ran on: step once after writing "
        "it."
    ),
    steps_by_itself=Ability(
        "nobody had set TF, and KVM on AMD steps by itself to find the end of an NMI's shadow",
        ("KVM svm_enable_nmi_window",),
        vendors=AMD,
    ),
    takes_db_while_stepping=Ability(
        "KVM gave this #DB to the debugger: the guest has not seen it",
        (*_HANDLE_DEBUG, "KVM handle_exception_nmi", "KVM db_interception"),
    ),
    clears_guest_tf=Ability(
        "KVM clears the guest's TF when stepping ends",
        ("KVM kvm_arch_vcpu_ioctl_set_guest_debug", "KVM kvm_get_rflags"),
        "The guest was stepping itself; a step of the debugger makes KVM clear its TF. Set it again to go on.",
    ),
    hides_guest_breakpoints=True,
    shows_exit=Ability(
        "KVM keeps it in struct kvm_run",
        ("KVM handle_exception_nmi", "KVM db_interception", "KVM kvm_vcpu_do_singlestep"),
    ),
    drops_btf=INTEL,
    reinjects_db=Ability(
        sources=("KVM handle_exception_nmi", *_HANDLE_DEBUG, "KVM kvm_deliver_exception_payload"),
    ),
    injects_db=Ability(sources=("KVM KVM_GUESTDBG_INJECT_DB",)),
    leaves_rip_on_icebp=Ability(
        "KVM on Intel leaves RIP on it",
        ("KVM handle_exception_nmi",),
        "Take the debugger's hardware breakpoints out and don't step, or move RIP past the F1: it repeats.",
    ),
    forced_intercepts={vector: _FORCED.format(what) for vector, what in _FORCED_VECTORS.items()},
    debug_stop_sources=_HANDLE_DEBUG,
    signal_sources=_SIGNALS,
    signals=_SAYS,
    sigint_is_pause=True,
    watch_by_slot=Ability(
        sources=_HANDLE_DEBUG,
        advice="Do not trust the address in the stop reply; the guest's own DR0-DR3 name the place.",
    ),
    step_hides_watch=Ability("QEMU looks at BS first and reports only the step", _HANDLE_DEBUG),
    stops_for_any_bit=Ability(
        advice="QEMU stops for each B bit whose R/W field says instruction, enabled or not, the guest's registers "
        "included: look at what the guest has in DR0-DR3 for this RIP."
    ),
)
