"""What Xen does to debug exceptions while gdbsx is attached, and the words that explanations use of it."""

from __future__ import annotations

from gdbstub.explain.abilities import AMD, INTEL, Abilities, Ability

_PAUSE = ("Xen domain_pause_for_debugger",)

GDBSX = Abilities(
    steps_by_tf=True,
    steps_by_mtf=INTEL,
    merges_step_into_dr6=True,
    takes_every_db=Ability(
        "Xen paused the domain instead of delivering the #DB: the guest has not seen it",
        (*_PAUSE, "gdbsx process_c_request"),
    ),
    takes_int3=Ability(sources=_PAUSE),
    adds_bs=True,
    task_trap_without_bt=True,
    leaves_rip_on_icebp=Ability(
        "Xen on AMD leaves RIP on it",
        ("Xen VMEXIT_ICEBP",),
        "Move RIP past the F1 before the vCPU goes on, or it stops here again (dr6 does so itself when it goes on from "
        "there).",
    ),
    shows_old_dr6=Ability(
        "DR7 enables nothing, and then the DR6 that Xen on AMD shows can be an old one (svm_save_dr)",
        ("Xen svm_save_dr",),
        "whether DR6 is up to date: Xen on AMD saves it late while DR7 enables nothing (svm_save_dr)",
        AMD,
    ),
    overwrites_dr6=Ability(sources=("Xen vmx_vmexit_handler",), vendors=INTEL),
    loses_hits=Ability("this Xen loses the B bits of DR6", ("Xen pv_inject_event",)),
    loses_bus_lock=Ability(sources=("Xen vmx_vmexit_handler",), vendors=INTEL),
    debug_stop_sources=_PAUSE,
    signal_sources=("gdbsx process_c_request",),
    sigint_for_db=Ability("gdbsx answers so for every #DB of the guest and for a pause of the domain"),
    int3_leaves_rip_behind=True,
    shares_debug_registers=True,
    debug_registers_elsewhere=Ability(
        advice="gdbsx has no debug registers: `xenctx -a DOMID VCPU` in dom0 shows DR6 and DR7 of each vCPU."
    ),
)
