"""`dr6 doctor` as a process on real QEMU: what it finds is what was measured, and a guest of the user's goes on as if
nothing had been."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from frontend.cli.connect import Launch, TargetOptions, open_stub
from frontend.cli.doctor import PROBE_IMAGE, own_guest
from frontend.cli.installed import kvm
from frontend.demo_guest import DEMO_IMAGE
from gdbstub.doctor import PROBES, PVM, Examination, Vcpu, greeted
from gdbstub.doctor.judges import HUNG
from gdbstub.explain.quirks.lookup import version_of
from tests.guests.build import GuestName, build
from tests.guests.image import read_image
from tests.guests.machine import qemu_version
from tests.live.events import nearest
from tests.live.machine import Machine, Ran, dr6, finish, machine, start
from tests.live.naive import Naive, Row
from tests.live.relay import relay

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOOP = build("loop")
SYMBOLS = read_image(LOOP).symbols
OLD = version_of(qemu_version()) < (9, 1)
"""INT1, DR7.GD and the trap behind STI came with QEMU 9.1."""


def report(ran: Ran) -> dict[str, dict[str, object]]:
    """The tests of ``--json``, by name."""
    return {test["name"]: test for test in json.loads(ran.out)["tests"]}


@pytest.fixture(scope="module")
def own() -> Ran:
    """The self-test on a QEMU of dr6's own."""
    return dr6("doctor", "--json")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Machine]:
    """The guest ``loop`` in its second round: what it writes to is marked dirty in its page tables."""
    with machine(tmp_path, LOOP) as qemu:
        to(qemu, "loop", "joined")
        to(qemu, "loop", "main_loop")
        yield qemu


def to(qemu: Machine, name: GuestName, symbol: str) -> None:
    """Let the guest run to a symbol."""
    with Naive(qemu.path) as client:
        client.greet()
        client.run_to(read_image(build(name)).symbols[symbol])


DEPARTURES = {
    "step-mov-ss": "1 instruction",
    **{
        f"own-tf-{name}{armed}": f"delivered 1 instruction {when}"
        for release, name, when in (("7.2", "sti", "late"), ("8.2", "mov-ss", "early"))
        for armed in ("", "-z1", "-z0")
        if nearest(qemu_version()) == release
    },
    **({f"own-icebp{armed}": "#UD instead" for armed in ("", "-z1", "-z0")} if OLD else {}),
    **({f"own-gd{armed}": "not delivered" for armed in ("", "-z1", "-z0")} if OLD else {}),
    **({} if OLD else {"step-rep": "one step each, and one without progress"}),
}
"""What TCG does otherwise than a CPU: docs/backends.md."""


def test_tcg_is_found_as_it_was_measured_and_nothing_contradicts_its_profile(own: Ran) -> None:
    assert (own.code, own.err) == (0, "")
    tests = report(own)
    assert tests.keys() == {probe.name for probe in PROBES}
    departures = {name: test["outcome"] for name, test in tests.items() if test["status"] != "ok"}
    assert departures == DEPARTURES
    assert {test["status"] for test in tests.values()} == {"ok", "known"}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("step", "1 instruction each"),
        ("step-sti", "1 instruction"),
        ("step-pushf", "TF is hidden"),
        ("step-int3", "stops at the handler"),
        ("step-hlt", "waits"),
        ("interrupt", "stops it"),
        ("own-dr6", "untouched"),
        ("hardware-slots", "16 and more"),
        ("hardware-step-off", "runs the instruction"),
        ("hardware-continue-off", "reports it again"),
        ("software-memory", "memory does not show it"),
        ("watch-read", "stops at loads"),
        *((f"watch-{length}-at-{at}", "exact") for length, at in ((1, 0), (8, 0), (8, 1), (3, 0), (16, 0))),
        ("watch-step", "named"),
        ("watch-step-after", "stops once more, without progress"),
        ("own-write-z1", "delivered"),
        ("own-write-stepped", "delivered"),
        ("caught-z1", "shown as the handler reads it"),
    ],
)
def test_an_outcome_on_tcg_is_what_is_known_of_it(own: Ran, name: str, outcome: str) -> None:
    assert report(own)[name]["outcome"] == outcome


def test_the_report_says_what_is_installed_and_what_the_stub_is(own: Ran) -> None:
    said = json.loads(own.out)
    assert said["installed"]["programs"]["qemu-system-x86_64"]["version"] == qemu_version()
    assert said["installed"]["packages"]["trio"]
    target = said["target"]
    assert (target["backend"]["name"], target["backend"]["version"]) == ("qemu-tcg", qemu_version())
    assert target["offers"] == "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"
    assert (target["sstepbits"], target["sstep"]) == ("ENABLE=1,NOIRQ=2,NOTIMER=4", "0x7")
    assert target["waits_to_be_started"]
    assert said["restored"] is None


def test_the_text_has_a_line_for_each_test_and_a_verdict_within_80_columns() -> None:
    ran = dr6("doctor", "--smp", "2")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    for line in {probe.line for probe in PROBES}:
        assert re.search(rf"^  (ok   |known) {re.escape(line)} ", ran.out, re.MULTILINE), line
    assert re.search(r"^vCPUs +2$", ran.out, re.MULTILINE)
    assert re.search(r"^Trust: +steps \(\d+ of \d+\); interrupts; breakpoints; watchpoints; ", ran.out, re.MULTILINE)
    assert re.search(r"^Don't trust: step over MOV SS", ran.out, re.MULTILINE)


FIRST, LAST = 0x100000, 0x106000
"""The images of the test guests."""

# -- a guest of the user's ----------------------------------------------------------------------------------------


def everything(qemu: Machine) -> tuple[Row, bytes, str, bytes]:
    """Registers (all that ``g`` has), what the monitor shows, and the memory of the image."""
    with Naive(qemu.path) as client:
        client.greet()
        memory = b"".join(client.memory(at, 0x400) for at in range(FIRST, LAST, 0x400))
        return client.row(), client.ask(b"g"), client.monitor("info registers"), memory


def test_without_probe_nothing_is_written_and_the_stub_is_told(loop: Machine) -> None:
    before = everything(loop)
    ran = dr6("doctor", loop.target, "--leave", "stopped", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert everything(loop) == before
    said = json.loads(ran.out)
    assert said["tests"] == []
    assert said["target"]["rip"] == f"{SYMBOLS['main_loop']:#x}"
    assert (said["target"]["mode"], said["target"]["cpl"]) == (64, 0)


def test_a_probed_guest_is_byte_for_byte_what_it_was(loop: Machine) -> None:
    before = everything(loop)
    ran = dr6("doctor", loop.target, "--probe", "--leave", "stopped", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert everything(loop) == before
    said = json.loads(ran.out)
    assert said["restored"] == {"complete": True, "problems": []}
    tested = {name: test["outcome"] for name, test in report(ran).items() if test["status"] != "untested"}
    assert tested.keys() == {probe.name for probe in PROBES if "handlers" not in probe.needs}
    assert {name for name, test in report(ran).items() if test["status"] == "known"} <= DEPARTURES.keys()


def test_a_probed_guest_goes_on_as_one_that_never_was(loop: Machine, tmp_path: Path) -> None:
    """The same steps behind the tests as on a guest that was left alone."""
    assert dr6("doctor", loop.target, "--probe", "--leave", "stopped").code == 0
    (tmp_path / "other").mkdir()
    with machine(tmp_path / "other", LOOP) as alone:
        to(alone, "loop", "joined")
        to(alone, "loop", "main_loop")
        with Naive(alone.path) as one, Naive(loop.path) as other:
            one.greet()
            other.greet()
            for client in (one, other):
                client.run_to(SYMBOLS["inner_loop"])
                client.run_to(SYMBOLS["joined"])
            assert one.row() == other.row()
            assert one.memory(SYMBOLS["table"], 512) == other.memory(SYMBOLS["table"], 512)


def test_a_probed_guest_is_left_running_with_nothing_armed(loop: Machine) -> None:
    with Naive(loop.path) as client:
        client.greet()
        before = client.memory(SYMBOLS["rounds"], 8)
    assert dr6("doctor", loop.target, "--probe").code == 0
    with Naive(loop.path) as client:
        client.greet()
        assert client.memory(SYMBOLS["rounds"], 8) != before
        for name in ("inner_loop", "joined", "inner_loop"):
            client.run_to(SYMBOLS[name])
            assert client.row().pc == SYMBOLS[name]


@pytest.mark.parametrize("symbol", ["protected_loop", "long_loop"])
def test_32_bit_and_64_bit_code_is_tested_alike(tmp_path: Path, symbol: str) -> None:
    with machine(tmp_path, build("modes")) as qemu:
        to(qemu, "modes", symbol)
        before = everything(qemu)
        ran = dr6("doctor", qemu.target, "--probe", "--leave", "stopped", "--json")
        assert ran.code == 0, ran.out
        assert {test["status"] for test in report(ran).values()} == {"ok", "known", "untested"}
        after = everything(qemu)
        assert after[:-1] == before[:-1]
        changed = {FIRST + n for n, pair in enumerate(zip(before[-1], after[-1], strict=True)) if pair[0] != pair[1]}
        tables = read_image(build("modes")).symbols
        assert changed <= {tables["page_directory"]}, "what the CPU itself marks as accessed and dirty"


def test_user_code_is_tested_but_for_what_only_a_kernel_may(tmp_path: Path) -> None:
    with machine(tmp_path, DEMO_IMAGE) as qemu:
        with Naive(qemu.path) as client:
            client.greet()
            client.run_to(read_image(DEMO_IMAGE).symbols["ev_user_step"])
            before = client.row(), client.ask(b"g"), client.memory(0x200000, 0x400)
        ran = dr6("doctor", qemu.target, "--probe", "--leave", "stopped", "--json")
        assert ran.code == 0, ran.out
        with Naive(qemu.path) as client:
            client.greet()
            assert (client.row(), client.ask(b"g"), client.memory(0x200000, 0x400)) == before
    tests = report(ran)
    assert json.loads(ran.out)["target"]["cpl"] == 3
    assert tests["step-sti"]["why"] == "the guest is in user mode (CPL 3)"
    assert tests["step-mov-ss"]["outcome"] == "1 instruction"
    assert tests["watch-write"]["outcome"] == "stops at stores"


def test_16_bit_code_is_not_tested_and_that_is_said(tmp_path: Path) -> None:
    with machine(tmp_path, LOOP) as qemu:
        before = everything(qemu)
        ran = dr6("doctor", qemu.target, "--probe")
        assert ran.code == 1
        assert ran.err == "dr6: Nothing was tested: the guest runs 16-bit code; stop it in 32-bit or 64-bit code.\n"
        assert everything(qemu) == before


def test_a_guest_that_waits_to_be_started_is_not_started_by_a_look_at_it(tmp_path: Path) -> None:
    with machine(tmp_path, LOOP) as qemu:
        assert "it waits to be started" in dr6("doctor", qemu.target).out
        with Naive(qemu.path) as client:
            client.greet()
            assert "prelaunch" in client.monitor("info status")


def test_other_vcpus_stand_still_while_one_is_tested(tmp_path: Path) -> None:
    with machine(tmp_path, build("smp"), "-smp", "2") as qemu:
        to(qemu, "smp", "other_loop")
        with Naive(qemu.path) as client:
            client.greet()
            before = client.row(0), client.row(1)
        ran = dr6("doctor", qemu.target, "--probe", "--leave", "stopped", "--json")
        assert ran.code == 0, ran.out
        with Naive(qemu.path) as client:
            client.greet()
            assert (client.row(0), client.row(1)) == before


def test_a_recorded_examination_replays_to_the_same_outcomes(loop: Machine, tmp_path: Path) -> None:
    file = tmp_path / "recording"
    recorded = dr6("doctor", loop.target, "--probe", "--json", "--record", str(file))
    assert recorded.code == 0
    again = dr6("replay", "--batch", str(file))
    assert (again.code, again.err) == (0, "")
    one, other = report(recorded), report(again)
    assert {name: test["outcome"] for name, test in one.items()} == {n: test["outcome"] for n, test in other.items()}
    assert json.loads(again.out)["restored"] == {"complete": True, "problems": []}


RESUME = b"vCont;s"


@pytest.mark.parametrize("count", [1, 40])
def test_a_qemu_that_is_killed_in_the_middle_is_one_sentence(loop: Machine, tmp_path: Path, count: int) -> None:
    with relay(tmp_path, loop.path, RESUME, count, loop.process.kill) as target:
        ran = dr6("doctor", target, "--probe", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert re.fullmatch(r"dr6: .* so the guest's memory and registers are not back\.\n", ran.err)


@pytest.mark.parametrize("count", [1, 20])
def test_ctrl_c_in_the_middle_puts_everything_back(loop: Machine, tmp_path: Path, count: int) -> None:
    before = everything(loop)
    processes: list[subprocess.Popen[bytes]] = []
    with relay(tmp_path, loop.path, RESUME, count, lambda: processes[0].send_signal(signal.SIGINT)) as target:
        processes.append(start("doctor", target, "--probe", "--leave", "stopped", "--json"))
        ran = finish(processes[0])
    assert (ran.code, ran.err) == (130, "")
    said = json.loads(ran.out)
    assert said["restored"] == {"complete": True, "problems": []}
    assert len(said["tests"]) < len(PROBES)
    assert everything(loop) == before


def test_ctrl_c_in_the_self_test_ends_it_with_130_and_leaves_no_qemu_behind() -> None:
    process = start("doctor")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"target"):
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


# -- KVM --------------------------------------------------------------------------------------------------------------

KVM_PROBES = ("step", "software", "interrupt", "hardware", "watch-write", "own-execute")


@pytest.mark.skipif(not kvm().usable, reason="/dev/kvm is not there, or not ours to use")
async def test_what_kvm_does_is_known_and_a_guest_that_a_test_ended_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On kvm_pvm a software breakpoint is the end of a guest."""
    monkeypatch.setattr("gdbstub.doctor.vcpu.HANG_SECONDS", 8.0)  # a busy machine takes a while to stop one
    starts = 0

    @asynccontextmanager
    async def start() -> AsyncIterator[Vcpu]:
        nonlocal starts
        starts += 1
        async with open_stub(TargetOptions(Launch(str(PROBE_IMAGE), accel="kvm"))) as (remote, name):
            yield (await greeted(remote, name))[0]

    host = PVM if PVM in kvm().modules else None
    examination = Examination(host=host)
    await examination.own(start, own_guest(), [probe for probe in PROBES if probe.name in KVM_PROBES])
    outcomes = {result.probe.name: result.outcome for result in examination.results}
    assert outcomes.keys() == set(KVM_PROBES)
    assert {result.status for result in examination.results} <= {"ok", "known"}
    assert outcomes["step"] == "1 instruction each"
    assert outcomes["interrupt"] == "stops it"
    assert (starts > 1) == (HUNG in outcomes.values()) == (host == PVM)


# -- what goes wrong before -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("unix:/no/such/socket",), 3, "/no/such/socket"),
        (("nosuch",), 2, "nosuch"),
        (("--qemu", "/no/such/qemu"), 3, "There is no program"),
        (("--backend", "nonsense"), 1, "There is no backend nonsense"),
        (("--", "-nonsense"), 3, "QEMU did not start"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words: tuple[str, ...], code: int, sentence: str) -> None:
    ran = dr6("doctor", *words)
    assert ran.code == code
    assert sentence in ran.err
    assert ran.err.startswith("dr6: ")
    assert ran.err.count("\n") == 1
