"""What a stub can be trusted with: what it says of itself, and experiments on a guest behind it."""

from gdbstub.doctor.examination import PROBES, Examination, lay_ground
from gdbstub.doctor.ground import OwnGuest, Writable
from gdbstub.doctor.identity import Identity, identify_stub
from gdbstub.doctor.known import PVM
from gdbstub.doctor.results import Line, Result, TrustVerdict, lines, verdict
from gdbstub.doctor.vcpu import Vcpu, greeted

__all__ = [
    "PROBES",
    "PVM",
    "Examination",
    "Identity",
    "Line",
    "OwnGuest",
    "Result",
    "TrustVerdict",
    "Vcpu",
    "Writable",
    "greeted",
    "identify_stub",
    "lay_ground",
    "lines",
    "verdict",
]
