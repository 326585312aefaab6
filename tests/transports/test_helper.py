"""dr6-vcpu.c with a libxenctrl of the test's own: what it takes, what it leaves alone, what it prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gdbstub.backends.xen.vcpu_helper import VcpuDebugRegisters, parse_vcpus, setting, setting_after_run
from transports import helper_source

XENCTRL = r"""
#include <errno.h>
#include <stdint.h>
#include <string.h>
#define DOMID_MASK 0x7fff
typedef int xc_interface;
typedef union { struct { uint64_t debugreg[8]; } x64; } vcpu_guest_context_any_t;
typedef struct { uint64_t cpu_time; } xc_vcpuinfo_t;
static int xen_, pauses;
static vcpu_guest_context_any_t vcpus[2] = {
    { { { 1, 2, 3, 4, 0, 0, 0xffff0ff0, 0x400 } } }, { { { 0, 0, 0, 0, 0, 0, 0xffff0ff0, 0x400 } } }
};
static xc_interface *xc_interface_open(void *a, void *b, int c) { (void)a, (void)b, (void)c; return &xen_; }
static int answer(int error) { errno = error; return error ? -1 : 0; }
static int xc_domain_pause(xc_interface *x, uint32_t d) { (void)x, (void)d; pauses++; return 0; }
static int xc_domain_unpause(xc_interface *x, uint32_t d) { (void)x, (void)d; pauses--; return 0; }
static int xc_domain_get_guest_width(xc_interface *x, uint32_t d, unsigned int *w)
{ (void)x; *w = d == 32 ? 4 : 8; return answer(d == 7 ? EOPNOTSUPP : d > 32 ? ESRCH : 0); }
static int xc_vcpu_getcontext(xc_interface *x, uint32_t d, uint32_t v, vcpu_guest_context_any_t *c)
{ (void)x, (void)d; if (v < 2) *c = vcpus[v]; return answer(v < 2 ? 0 : v == 2 ? ENODATA : EINVAL); }
static int xc_vcpu_setcontext(xc_interface *x, uint32_t d, uint32_t v, vcpu_guest_context_any_t *c)
{ (void)x, (void)d; if (v < 2 && pauses == 1) vcpus[v] = *c; return answer(v < 2 && pauses == 1 ? 0 : EBUSY); }
static int xc_vcpu_getinfo(xc_interface *x, uint32_t d, uint32_t v, xc_vcpuinfo_t *i)
{ (void)x, (void)d; i->cpu_time = 100 + v; return answer(v < 3 ? 0 : EINVAL); }
static const char before[] = "(XEN) *********** VMCB Areas **************\n(XEN) >>> Domain 3 <<<\n(XEN) old\n";
static const char brought[] = "(XEN) *********** VMCB Areas **************\n(XEN) \n(XEN) >>> Domain 33 <<<\n"
    "(XEN) \tVCPU 0\n(XEN) \n(XEN) >>> Domain 3 <<<\n(XEN) \tVCPU 1\n(XEN) exitcode = 0x41\n"
    "(XEN) **************************************\n(XEN) later\n";
static int sent;
static int xc_send_debug_keys(xc_interface *x, const char *k)
{ (void)x; sent = k[0] == 'v' && !k[1]; return answer(sent ? 0 : EINVAL); }
static int xc_readconsolering(xc_interface *x, char *b, unsigned int *n, int clear, int incremental, uint32_t *index)
{
    const char *text = sent ? brought : before;
    (void)x;
    if (clear || !incremental || *index != (sent ? sizeof before - 1 : 0)) return answer(EINVAL);
    memcpy(b, text, *n = strlen(text));
    *index += *n;
    return 0;
}
"""
FIRST = VcpuDebugRegisters((1, 2, 3, 4), 0xFFFF0FF0, 0x400, 100)
SECOND = VcpuDebugRegisters((0, 0, 0, 0), 0xFFFF0FF0, 0x400, 101)


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("not installed: cc")
    folder = tmp_path_factory.mktemp("helper")
    (folder / "dr6-vcpu.c").write_text(helper_source())
    (folder / "xenctrl.h").write_text(XENCTRL)
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-I", str(folder)]
    subprocess.run(["cc", *flags, "-o", folder / "dr6-vcpu", folder / "dr6-vcpu.c"], check=True)
    return folder / "dr6-vcpu"


def run(helper: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helper, *words], capture_output=True, text=True, check=False, timeout=60)


def test_it_prints_every_vcpu_in_the_form_that_dr6_reads(helper: Path) -> None:
    for domain in ("7", "3"):  # an HVM domain has no width of its own
        done = run(helper, domain)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[2] == "2 down"
        assert parse_vcpus(done.stdout) == {0: FIRST, 1: SECOND}


def test_of_what_the_debug_key_brings_it_prints_the_domains_own(helper: Path) -> None:
    done = run(helper, "3", "exit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "(XEN) >>> Domain 3 <<<\n(XEN) \tVCPU 1\n(XEN) exitcode = 0x41\n"
    assert run(helper, "4", "exit").stdout == ""


def test_it_sets_what_is_named_and_nothing_else(helper: Path) -> None:
    wanted = VcpuDebugRegisters((5, 6, 7, 1 << 63), 0xFFFF0FF1, 0x10000440, 101)
    done = run(helper, "3", setting(1, wanted), "0:dr1=ffffffff80100189")
    assert parse_vcpus(done.stdout) == {0: FIRST._replace(dr=(1, 0xFFFFFFFF80100189, 3, 4)), 1: wanted}


@pytest.mark.parametrize(("ran", "dr0", "is_set"), [(99, 1, True), (100, 1, False), (99, 2, False)])
def test_a_condition_that_does_not_hold_leaves_the_vcpu_alone(helper: Path, ran: int, dr0: int, is_set: bool) -> None:
    instead_of = FIRST._replace(dr=(dr0, 2, 3, 4), ran=ran)
    done = run(helper, "3", setting_after_run(0, FIRST._replace(dr=(9, 9, 9, 9)), instead_of))
    assert done.returncode == 0, done.stderr
    assert parse_vcpus(done.stdout)[0].dr == ((9, 9, 9, 9) if is_set else FIRST.dr)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((), 2, "usage: dr6-vcpu DOMID"),
        (("x",), 2, "usage: "),
        (("-1",), 2, "usage: "),
        (("3", "0:dr4=1"), 2, "usage: "),
        (("3", "0:dr0=-1"), 2, "usage: "),
        (("3", "0:dr0=1,"), 2, "usage: "),
        (("3", "0:dr0"), 2, "usage: "),
        (("3", "0"), 2, "usage: "),
        (("3", "0:dr0=11111111111111111"), 2, "usage: "),
        (("99",), 1, "dr6-vcpu: domain 99: No such process"),
        (("32",), 1, "dr6-vcpu: domain 32 is a 32-bit PV domain, which is not supported"),
        (("3", "5:dr0=1"), 1, "dr6-vcpu: cannot read the registers of vCPU 5: Invalid argument"),
    ],
)
def test_what_is_wrong_is_one_line(helper: Path, words: tuple[str, ...], status: int, sentence: str) -> None:
    done = run(helper, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
