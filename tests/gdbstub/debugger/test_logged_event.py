"""Records of exceptions that only QEMU's log tells of: what is concluded once for many is what each of them says."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gdbstub.backends import ABILITIES
from gdbstub.backends.qemu.exception_log import ExceptionLog, LoggedException
from gdbstub.debugger.logged_event import MOST_EXPLAINED, Explained, record_of_logged
from gdbstub.explain.evidence import Known, Platform
from gdbstub.explain.evidence_json import explanation_to_json
from gdbstub.explain.explain import explain

LOG = Path(__file__).parent.parent / "backends" / "qemu" / "golden" / "log-int.txt"
FOUND = ExceptionLog().feed(LOG.read_bytes())
TCG = Platform(Known("qemu-tcg", "t"), Known("7.2.22", "t"), Known("amd", "t"), abilities=ABILITIES["qemu-tcg"])
ANY = st.integers(0, 2**64 - 1)


def changed(one: LoggedException, vector: int, dr6: int, cr2: int, values: list[int]) -> LoggedException:
    general = dict(zip(one.general, values, strict=False)) | {"rsp": one.rsp}
    shown = one.shown._replace(debug=one.shown.debug._replace(dr6=dr6 & 0xFFFFFFFF), cr2=cr2)
    return one._replace(vector=vector, general=one.general | general, shown=shown)


@given(
    st.lists(
        st.tuples(
            *(
                st.sampled_from(FOUND),
                st.sampled_from((0, 1, 1, 3, 6, 13, 14)),
                st.sampled_from((0xFFFF4FF0, 0xFFFF4FF1)),
            ),
            *(st.sampled_from((0, 0x5000)), st.lists(ANY, min_size=16, max_size=16)),
        ),
        max_size=8,
    )
)
def test_an_explanation_that_is_kept_is_the_one_that_the_evidence_has(
    rows: list[tuple[LoggedException, int, int, int, list[int]]],
) -> None:
    kept: Explained = {}
    for row in rows:
        record = record_of_logged(changed(*row), 0, 0, TCG, None, 0.0, kept)
        assert explanation_to_json(record.explanation) == explanation_to_json(explain(record.evidence))
        assert record.state.registers["rsp"] == row[0].rsp
    assert len(kept) <= len(rows)


def test_no_more_than_so_many_are_kept() -> None:
    kept: Explained = {(number,): record_of_logged(FOUND[0], 0, 0, TCG, None, 0.0).explanation for number in range(3)}
    kept |= dict.fromkeys(((number,) for number in range(MOST_EXPLAINED)), kept[(0,)])
    record_of_logged(FOUND[0], 0, 0, TCG, None, 0.0, kept)
    assert len(kept) == 1
