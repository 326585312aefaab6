"""The labs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.labs.clients import clients
from tests.labs.debian13 import debian13, tcg82
from tests.labs.engines_lab import engines
from tests.labs.gdbsuite import gdbsuite
from tests.labs.gef import gef
from tests.labs.kvm_intel import kvm_intel
from tests.labs.labs import kvm, kvm_amd, tcg10
from tests.labs.linux_lab import linux
from tests.labs.progress import Progress
from tests.labs.screen_day import screen_day
from tests.labs.stubs import stubs
from tests.labs.ways_lab import ways
from tests.labs.xen.lab import xen


class Lab(NamedTuple):
    """``run(progress, record)`` returns where the lab showed what it has to show.

    It raises `LabError` where it did not, and `LabSkipped` where it can't be tried on this machine. With ``record``
    it also writes its recordings into ``tests/golden``.
    """

    name: str
    sentence: str
    run: Callable[[Progress, bool], None]


LABS: tuple[Lab, ...] = (
    Lab("tcg10", "QEMU's TCG, 7.2 as a baseline and 10.0", tcg10),
    Lab("kvm", "the KVM of this machine, whatever it is", kvm),
    Lab("kvm-amd", "kvm_amd of Linux 6.1 on an SVM that QEMU 10.0 emulates", kvm_amd),
    Lab("kvm-intel", "kvm_intel of Linux 6.1 on a VMX that Bochs 2.7 emulates", kvm_intel),
    Lab("xen", "gdbsx of Xen 4.17 on PV and PVH domains, on an SVM that QEMU 10.0 emulates", xen),
    Lab("linux", "#DBs of Debian's Linux, watched and stepped by its own ptrace", linux),
    Lab(
        "engines",
        "dr6 trace --engine log and plugin against a client that steps, QEMU 7.2 and 10.0; Linux",
        engines,
    ),
    Lab("ways", "guests that boot in each way there is, 20 times, against their own count of #DBs", ways),
    Lab("debian13", "make test of a clean clone on a fresh Debian 13", debian13),
    Lab("tcg82", "the same there, with Ubuntu's QEMU 8.2.2", tcg82),
    Lab("clients", "two gdbs, an lldb and a screen on one guest, at random", clients),
    Lab("gdbsuite", "gdb's own testsuite on gdbserver, directly and through dr6 serve", gdbsuite),
    Lab("stubs", "one small program behind gdbserver, lldb-server, vgdb, QEMU's user mode, udbserver", stubs),
    Lab("gef", "gef in this machine's gdb, on a guest behind dr6 serve", gef),
    Lab("screen", "a day's work on the screen, keys and all, in tmux", screen_day),
)
