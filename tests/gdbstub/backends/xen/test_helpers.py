"""What dom0's programs print, and what a gdbsx of the wrong width shows."""

from __future__ import annotations

import pytest

from gdbstub.backends.xen.helpers import listed_state, wrong_width

LISTED = """\
Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0   256     1     r-----      55.1
check-pv-1                                  12    16     1     -b----       0.6
(null)                                       3    16     2     --ps-d       1.6
rebooting                                    4    16     2     ---s--       1.6
"""


@pytest.mark.parametrize(
    ("domain", "state"), [(0, "r-----"), (12, "-b----"), (3, ""), (4, "---s--"), (1, ""), (16, ""), (256, "")]
)
def test_a_domain_is_there_as_long_as_it_is_listed_and_not_dying(domain: int, state: str) -> None:
    assert listed_state(LISTED, domain) == state


@pytest.mark.parametrize(
    ("cs", "wide", "advice"),
    [
        (0xE033, True, None),
        (8, True, None),
        (0xE019, False, None),
        (0x61, False, None),
        (0xE019, True, "gdbsx -a DOMID 32 PORT"),
        (0xE033, False, "gdbsx -a DOMID 64 PORT"),
        (0, False, "gdbsx -a DOMID 64 PORT"),  # as Xen 4.17 shows a 64-bit domain, PV and PVH
        (0, True, None),  # a real-mode guest
        (None, False, None),
    ],
)
def test_a_gdbsx_of_the_wrong_width_is_named(cs: int | None, wide: bool, advice: str | None) -> None:
    said = wrong_width(cs, wide=wide)
    assert (said is None) if advice is None else (said is not None and advice in said)
