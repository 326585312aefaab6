"""The protocol alone: `python packets.py SOCKET` prints a guest's registers, over a plain unix socket of a stub's."""

import socket
import sys

from gdbstub import GdbError
from gdbstub.protocol import Link, Lost, Reply, Role, annexes_wanted, messages, parse_description, supported_request

link, wire = Link(Role.CLIENT), socket.socket(socket.AF_UNIX)


def ask(request: bytes) -> bytes:
    """The answer to one request: the link says which bytes go out, and what those that come in mean."""
    link.send(request)
    while True:
        wire.sendall(link.data_to_send())
        for event in link.receive(wire.recv(65536)):
            if isinstance(event, Reply | Lost):
                return event.payload if isinstance(event, Reply) else sys.exit(event.reason)


def read(annex: str) -> bytes:
    """A part of the target description, in pieces of at most 2 KiB."""
    text, last = b"", False
    while not last:
        request = messages.read_features(annex, len(text), 0x800)
        text, last = text + (part := messages.parse_xfer(request, ask(request))).data, part.last
    return text


try:
    with wire:
        wire.connect(sys.argv[1])
        ask(supported_request())
        main = read("target.xml")
        layout = parse_description({"target.xml": main} | {annex: read(annex) for annex in annexes_wanted(main)})
        values = layout.decode_g(ask(messages.READ_REGISTERS))
    print(*(f"{name} {value:#x}" for name, value in values.items()), sep="\n")
except (OSError, GdbError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
