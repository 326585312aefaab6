"""One end of a remote protocol conversation, without the wire: requests and bytes in, bytes and events out.

What is legal when is `states.TRANSITIONS`; this file keeps the queue of unanswered requests and the
acknowledgments. A client link is *pipelined* or not:

* not pipelined (gdbsx, any stub not known better): one request at a time, each packet acknowledged at once.
* pipelined (QEMU): several requests may be on their way, a resume last. Acknowledgments are owed, and leave
  in front of the next request, never while the guest may run: a ``+`` that comes late pauses a QEMU guest
  for good. QEMU takes the ``$`` of a request for the acknowledgment of what it sent before.

A NACK is answered by sending the packet again when it is clear which one is meant, at most `RESENDS` times.
"""

from __future__ import annotations

from gdbstub.protocol.client_side import ClientSide
from gdbstub.protocol.run_lengths import MAX_FRAME
from gdbstub.protocol.server_side import ServerSide
from gdbstub.protocol.states import Role
from gdbstub.protocol.wire import RESENDS, Expect

__all__ = ["RESENDS", "Expect", "Link"]


class Link(ClientSide, ServerSide):
    """One end of a conversation. The automaton forbids each role the other's verbs.

    ``pipelined`` may be set when the stub is known for one that keeps requests apart (QEMU), ``packet_size``
    when its PacketSize is known: a longer request is refused here, since QEMU drops it in silence.
    Methods raise `LocalProtocolError` for what the link forbids, and nothing for what the peer sent.
    """

    def __init__(self, role: Role, *, pipelined: bool = False, max_size: int = MAX_FRAME) -> None:
        super().__init__(role, pipelined=pipelined, max_size=max_size)
        if role is Role.CLIENT:
            self._take, self._take_damaged = self._take_reply, self._reply_damaged
        else:
            self._take, self._take_damaged = self._take_request, self._request_damaged
