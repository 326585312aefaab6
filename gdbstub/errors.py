"""Whose fault: the root of every error that dr6 reports, and its branches.

The text of each error is one sentence for the user: what failed, on which side, and what to do.
"""

from __future__ import annotations

from collections.abc import Collection


class GdbError(Exception):
    """Anything that went wrong between us and the guest; shown to the user as one sentence."""


class TransportError(GdbError):
    """The stream could not be opened, broke, or ended."""


class ProtocolError(GdbError):
    """The remote protocol was broken; see the two branches for whose fault it was."""


class LocalProtocolError(ProtocolError):
    """We asked for what the link forbids in its state; a bug of ours, never the peer's."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol does not allow."""


class BadField(RemoteProtocolError):
    """A piece of a packet that can't be read. It is a stub's, unless who took it from somebody else says so (`of`).

    ``found`` is the piece, fit for a message; ``wanted`` ends the sentence: "a hex number belongs".
    """

    def __init__(self, found: str, wanted: str, sender: str = "stub") -> None:
        self._said = found, wanted
        super().__init__(f"The {sender} sent {found} where {wanted}.")

    def of(self, sender: str) -> BadField:
        """The same, sent by another."""
        return BadField(*self._said, sender)


class NoReply(TransportError):
    """The peer did not answer within the deadline that the caller set."""


class Refused(GdbError):
    """The peer said a well-formed no.

    ``command`` is the packet (or what it asked for), ``code`` the ``E nn`` code as sent, empty when the
    peer does not know the packet at all (see `Unsupported`).
    """

    def __init__(self, command: str, code: str, text: str | None = None) -> None:
        self.command = command
        self.code = code
        super().__init__(text or f"The stub refused {command} (error {code}).")


class CannotBreakIn(GdbError):
    """A running guest can't be stopped from here; it runs on."""


class Unsupported(Refused):
    """The peer answered with the empty packet: it does not know the command."""

    def __init__(self, command: str, text: str | None = None) -> None:
        super().__init__(command, "", text or f"The stub does not support {command}.")


class BadExpression(GdbError):
    """What the user typed does not name an address, a register or a value."""


MOST_NEAR = 3
LIKE = 0.66
"""How alike: a letter too many, too few, or another one."""


def did_you_mean(word: str, words: Collection[str]) -> str:
    """``did you mean break or tbreak?``: what ``word`` may be a slip for, words of the same letters first; "" where
    nothing is near."""
    from difflib import get_close_matches

    same = [one for one in words if one != word and sorted(one) == sorted(word)]
    found = list(dict.fromkeys((*same, *get_close_matches(word, words, MOST_NEAR, LIKE))))[:MOST_NEAR]
    return f"did you mean {' or '.join(found)}?" if found else ""
