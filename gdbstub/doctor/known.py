"""What each platform was measured to do instead of what the architecture says, or what its profile promises.

Rows of `gdbstub.explain.quirks` are named where one is the reason; the others are about stubs, with their source here.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.backends import BACKENDS, platform_of
from gdbstub.doctor.judges import HUNG, LOST, REP_AGAIN
from gdbstub.explain.quirks.lookup import QUIRKS, QuirkName, applies
from gdbstub.remote.capabilities import BackendInfo

PVM = "kvm_pvm"
"""The software KVM of machines without VMX and SVM. A module of the host's kernel, so known for a QEMU of ours only."""


class KnownFault(NamedTuple):
    """``probes`` are names, or beginnings of names that end in ``*``; ``quirk`` bounds the versions."""

    platform: str
    probes: tuple[str, ...]
    outcomes: tuple[str, ...]
    sentence: str
    source: str
    quirk: QuirkName | None = None


def _quirk(name: QuirkName, probes: tuple[str, ...], *outcomes: str) -> KnownFault:
    quirk = QUIRKS[name]
    assert quirk.backend is not None
    return KnownFault(quirk.backend, probes, outcomes, quirk.sentence, quirk.source, name)


def _pvm(sentence: str, probes: tuple[str, ...], *outcomes: str) -> KnownFault:
    return KnownFault(PVM, probes, outcomes, f"kvm_pvm {sentence}", "measured with QEMU 7.2.22")


KNOWN: tuple[KnownFault, ...] = (
    _pvm("can't run INT3, INT n and INT1 in the guest's kernel",
         ("step-int3", "step-int-n", "software*", "own-icebp*", "own-int3*", "caught-z0"), HUNG),
    _pvm("has no data breakpoints", ("watch-*",), "never fires", "not named"),
    _pvm("has no data breakpoints", ("own-write*",), "not delivered"),
    _pvm("leaves the guest's debug registers on", ("own-execute-z1",), "delivered"),
    _pvm("leaves the guest's debug registers on", ("caught-z1",), "shown as the handler reads it"),
    _pvm("takes the TF of a step out of what PUSHF saves", ("step-pushf",), "TF is hidden"),
    _pvm("stops once more at a REP that is done", ("step-rep",), REP_AGAIN),
    _pvm("stops behind OUT one instruction late", ("step-out",), "2 instructions"),
    _pvm("steps over HLT", ("step-hlt",), "ends at once"),
    _quirk("tcg-sti-hides-step", ("own-tf-sti*",), "delivered 1 instruction late"),
    _quirk("tcg-mov-ss-step", ("own-tf-mov-ss*",), "delivered 1 instruction early"),
    _quirk("tcg-icebp-ud", ("own-icebp*",), "#UD instead"),
    _quirk("tcg-no-general-detect", ("own-gd*",), "not delivered"),
    _quirk("tcg-rep-last", ("step-rep",), REP_AGAIN),
    _quirk("tcg-step-mov-ss", ("step-mov-ss",), "1 instruction"),
    KnownFault("qemu-kvm", ("step-rip-changed",), (LOST,), "KVM arms a step for the RIP that it had before the change",
          "docs/backends.md; KVM kvm_arch_vcpu_ioctl_set_guest_debug"),
    _quirk("kvm-emulated-shadow", ("step-mov-ss",), "1 instruction"),
    _quirk("kvm-emulated-shadow", ("own-tf-mov-ss*",), "delivered 1 instruction early"),
    _quirk("emulated-cpu-rep-last", ("step-rep",), REP_AGAIN),
    _quirk("kvm-step-past-gate", ("step-int3", "step-int-n"), "stops inside the handler",
           "stops behind it, the handler has run"),
    _quirk("kvm-step-hides-watch", ("watch-step",), "not named"),
    _quirk("kvm-step-takes-db", ("own-execute-stepped", "own-write-stepped", "own-tf-stepped"), "not delivered"),
    _quirk("kvm-reinjected-polarity", ("own-tf-*",), "delivered with DR6 00004000"),
    _quirk("kvm-reinjected-polarity", ("own-icebp-*",), "delivered with DR6 00000000"),
    _quirk("kvm-icebp-reinjected", ("own-icebp-*",), "again and again"),
    _quirk("kvm-hides-general-detect", ("own-gd-z1",), "not delivered"),
)  # fmt: skip


def find(probe: str, outcome: str, backend: BackendInfo, host: str | None) -> KnownFault | None:
    """The row that knows ``outcome`` of ``probe`` on this platform. ``host`` is `PVM` where that runs the guest."""
    fitting = (row for row in KNOWN if outcome in row.outcomes and _names(row, probe))
    return next((row for row in fitting if _fits(row, backend, host)), None)


def absent(probe: str, backend: BackendInfo) -> QuirkName | None:
    """The quirk that this version is known for; to be asked where the outcome is right all the same."""
    if not BACKENDS[backend.profile].emulates:
        return None  # with a host's kernel or CPU in between, the version does not decide
    rows = (row for row in KNOWN if row.platform == backend.name and _names(row, probe))
    return next((row.quirk for row in rows if _fits(row, backend, None)), None)


def _names(row: KnownFault, probe: str) -> bool:
    return any(probe.startswith(name[:-1]) if name.endswith("*") else name == probe for name in row.probes)


def _fits(row: KnownFault, backend: BackendInfo, host: str | None) -> bool:
    if row.quirk is not None:
        return applies(row.quirk, platform_of(backend))
    return row.platform in (backend.name, host)
