"""The packet table: no two rows collide, the longest prefix wins, the page is drawn from it."""

from __future__ import annotations

from itertools import combinations

import pytest

from gdbstub.protocol.packets import PACKETS, PacketForm, PacketRow, find_packet, packet_table_markdown


def test_no_two_rows_are_the_same_packet() -> None:
    for one, other in combinations(PACKETS, 2):
        assert (one.sender, one.prefix, one.whole) != (other.sender, other.prefix, other.whole)


@pytest.mark.parametrize("row", PACKETS, ids=lambda row: row.form)
def test_every_row_is_found_by_its_own_prefix(row: PacketRow) -> None:
    assert find_packet(row.prefix if row.whole else row.prefix + b"\x00", row.sender) is row


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (b"qC", "qC"),
        (b"qCRC:0,1", "qCRC:‹address,length›"),
        (b"vCont?", "vCont?"),
        (b"vCont;s:1", "vCont;‹actions›"),
        (b"QTDPsrc:1", "QTDPsrc:‹…›"),
        (b"QTDP:1", "QTDP:‹…›"),
        (b"D", "D"),
        (b"D;1", "D;‹process›"),
        (b"Hg0", "Hg‹thread›"),
        (b"c", "c‹address›"),
        (b"qXfer:features:read:target.xml:0,ff", "qXfer:features:read:‹annex:offset,length›"),
        (b"qXfer:auxv:read::0,ff", "qXfer:‹object:operation:annex:offset,length›"),
        (b"m0,1", "m‹address,length›"),
    ],
)
def test_the_longest_prefix_wins(payload: bytes, form: str) -> None:
    row = find_packet(payload)
    assert row is not None
    assert row.form == form


@pytest.mark.parametrize("payload", [b"", b"qCfoo", b"qUnheardOf", b"vCont", b"kk", b"gg", b"??"])
def test_what_is_in_no_row_is_unknown(payload: bytes) -> None:
    assert find_packet(payload) is None


def test_stop_replies_are_rows_of_the_stub() -> None:
    assert {row.form[0] for row in PACKETS if row.sender == "stub"} == set("TSWXNOF")
    assert all(row.while_running for row in PACKETS if row.sender == "stub")


def test_a_client_sends_no_packet_while_the_guest_runs() -> None:
    assert not any(row.while_running for row in PACKETS if row.sender == "client")


def test_what_resumes_is_answered_with_a_stop() -> None:
    assert all(row.shape is PacketForm.STOP for row in PACKETS if row.resumes)
    assert {row.prefix for row in PACKETS if row.resumes} == {
        *(b"c", b"C", b"s", b"S", b"bc", b"bs", b"i", b"I", b"F", b"vCont;")
    }


def test_every_row_has_a_sentence_and_a_line_on_the_page() -> None:
    page = packet_table_markdown()
    for row in PACKETS:
        assert row.doc.endswith((".", "?")), row.form
        assert f"| `{row.form}` |" in page
    assert page.count("\n| `") == len(PACKETS)
