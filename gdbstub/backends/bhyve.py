"""FreeBSD's bhyve, by its own stub (``bhyve -G``).

All of it is read in usr.sbin/bhyve/gdb.c of FreeBSD's main branch (c5f972e7fced, 2025), and none of it tried.
"""

from __future__ import annotations

from dataclasses import replace

from gdbstub.backends.interface import Backend, Parts, StopHooks, Stub
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import Known, Platform
from gdbstub.remote.capabilities import BackendInfo, Capabilities, Dialect

OFFERS = {"PacketSize": "4096", "swbreak": True}
"""``check_features``; before software breakpoints came, in 2019, there was no ``swbreak``, and a later one may offer a
target description as well."""
LATER = frozenset(("qXfer:features:read",))
FIRST_VCPU = b"qThreadExtraInfo,1"
NAMED = b"vCPU 0".hex().encode()
NO_LEAVE = "bhyve lets the guest run when its client leaves (close_connection, gdb.c); it can't be left stopped."


class BhyveHooks(StopHooks):
    async def leave(self, *, resume: bool) -> None:
        """``D`` is answered, and closing the connection is what lets the guest run."""
        await self._remote.detach()
        if not resume:
            raise GdbError(NO_LEAVE)


class BhyveBackend(Backend):
    async def recognise(self, stub: Stub) -> BackendInfo | None:
        """It offers what no other stub is known to, and names its first vCPU as it does; asked only in that case."""
        raw = stub.remote.features.raw
        if {name: raw[name] for name in raw.keys() - LATER} != OFFERS:
            return None
        try:
            named = await stub.remote.request(FIRST_VCPU, "the name of a vCPU")
        except Refused:
            return None
        return BackendInfo(self.name, None, None, self.name) if named.lower() == NAMED else None

    def facts(self, found: BackendInfo) -> Platform:
        return Platform(backend=Known(self.name, "the stub's answers"), guest=Known("hvm", "bhyve runs whole machines"))

    def plain_parts(self, stub: Stub, found: BackendInfo) -> Parts:
        return replace(super().plain_parts(stub, found), hooks=BhyveHooks(stub.remote))


BHYVE = BhyveBackend(
    name="bhyve",
    title="FreeBSD bhyve",
    pipelined=False,  # a request throws away the answer to the one before (check_command)
    steps_off_breakpoints=False,  # an int3 that a step meets ends bhyve by an assertion (gdb_cpu_breakpoint)
    steps_by_tf=True,  # on hosts of AMD; on Intel's by the monitor trap flag (_gdb_set_step)
    capabilities=Capabilities(
        hardware_breakpoints=False,
        read_watchpoints=False,
        hardware_slots=0,
        hardware_hides_guest=False,
        no_hardware=(
            "bhyve has neither hardware breakpoints nor watchpoints (parse_breakpoint, gdb.c): use a software "
            "breakpoint (break) at the code that makes the access, or step."
        ),
    ),
    dialect=Dialect(kills=False, pause_signals=frozenset((5,))),
)
