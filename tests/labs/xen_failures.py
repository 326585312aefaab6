"""What goes wrong around a domain, for real: each is one clear sentence, and no wait for ever. For `xen_check`."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.labs.xen_check import DR6, WAIT, Guest, Lab, dr6, until

NOBODY = "/tmp/nobody"
"""In dom0: a prefix that gives root away."""
HYPERCALL = {"pv": "0x050f", "pvh": "0xd9010f"}
"""SYSCALL; VMMCALL: the two or three bytes as a number."""
SHUT_DOWN, SCHED_OP = 2, 29
REBOOT, CRASH = 1, 3


class Attached:
    """A dr6 that is attached and waits for its next command line."""

    def __init__(self, process: subprocess.Popen[str], fifo: Path) -> None:
        self._process = process
        self._fifo = fifo

    def go_on(self, *lines: str) -> None:
        with self._fifo.open("w") as out:
            out.writelines(f"{line}\n" for line in lines)

    def ends(self, code: int = 3) -> str:
        """The one line that it says at its end."""
        out, errors = self._process.communicate(timeout=WAIT)
        said = [line for line in errors.splitlines() if line.startswith("dr6: ")]
        assert self._process.returncode == code, (self._process.returncode, out, errors)
        assert "Traceback" not in errors, errors
        assert len(set(said)) == 1, (out, errors)
        print(f"    {said[0]}")
        return said[0]


@contextmanager
def attached(guest: Guest, *lines: str, target: list[str] | None = None) -> Iterator[Attached]:
    """dr6 on ``guest``, behind ``lines``, the last of which prints something."""
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder) / "more"
        os.mkfifo(fifo)
        script = [word for line in (*lines, f"source {fifo}") for word in ("-ex", line)]
        words = target or guest.words(guest.gdbsx())
        process = subprocess.Popen(
            [str(DR6), "attach", *words, "--batch", "--strict", *script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, process.communicate()
            yield Attached(process, fifo)
        finally:
            process.kill()


def pid_of_gdbsx(lab: Lab, guest: Guest) -> str:
    """Empty where none runs for it."""
    rows = [row for line in lab.run("ps").splitlines() if "gdbsx" in (row := line.split())]
    return next((row[0] for row in rows if row[row.index("gdbsx") :][1:3] == ["-a", guest.id]), "")


def gdbsx_killed(lab: Lab, kind: str) -> None:
    """kill -9 of gdbsx, at a stop and in a run; the int3s that it can't take out any more are the next start's."""
    guest = Guest(lab, kind)
    for running in (False, True):
        with attached(guest, "break own_int3") as session:
            if running:
                session.go_on("continue")
                until(lambda: "p" not in guest.state(), "the domain runs")
            lab.run("kill", "-9", pid_of_gdbsx(lab, guest))
            if not running:
                session.go_on("stepi")
            said = session.ends()
        assert "gdbsx closed the connection: it was ended or killed" in said, said
        assert "1 int3 of dr6's stay" in said, said
        done = guest.batch("info breakpoints")
        assert "Restored and verified: 1 int3 " in done.stderr, done.stderr
    assert guest.text() == guest.as_built()
    guest.destroy()


def destroyed(lab: Lab, kind: str) -> None:
    """xl destroy, at a stop and in a run: dr6 notices, and what it had planted went with the domain."""
    _destroyed(lab, Guest(lab, kind), "")
    _destroyed(lab, Guest(lab, kind), "continue")


def destroyed_unseen(lab: Lab, kind: str) -> None:
    """The same in a run where gdbsx sees none of it, and waits for ever: dr6 asks dom0 by itself."""
    _destroyed(lab, Guest(lab, kind), "continue", asleep=True)


def _destroyed(lab: Lab, guest: Guest, run: str, *, asleep: bool = False) -> None:
    with attached(guest, "break own_int3") as session:
        pid = pid_of_gdbsx(lab, guest)
        if run:
            session.go_on(run)
            until(lambda: "p" not in guest.state(), "the domain runs")
        if asleep:
            lab.run("kill", "-STOP", pid)
        guest.destroy()
        if asleep:
            lab.run("kill", "-CONT", pid)
        if not run:
            session.go_on("stepi")
        said = session.ends()
        if asleep:
            lab.run("kill", "-9", pid)  # it still waits, and would hinder the making of the next domain
    assert said == f"dr6: The domain {guest.name} ({guest.id}) is gone: it was destroyed or shut down.", said
    kept = list((Path(os.environ["XDG_STATE_HOME"]) / "dr6" / "planted").glob("*"))
    assert not kept, kept


def rebooted(lab: Lab, kind: str) -> None:
    """The guest asks Xen for a reboot: xl makes it anew under another number, and dr6 says so."""
    guest = Guest(lab, kind, ends="restart")
    with attached(guest, "tbreak plain_loop", "continue", *shutting_down(kind, REBOOT), "print 1") as session:
        session.go_on("continue")
        said = session.ends()
    now = lab.run("xl", "domid", guest.name).strip()
    assert f"has rebooted and is number {now} now; attach to it anew." in said, said
    assert now != guest.id
    lab.run("xl", "destroy", now)


def shutting_down(kind: str, reason: int) -> tuple[str, ...]:
    """dr6's commands that make the guest, at its next instruction, ask for it (SCHEDOP_shutdown)."""
    size = "short" if kind == "pv" else "int"
    code = HYPERCALL[kind] if kind == "pv" else f"{HYPERCALL[kind]} | ({{unsigned int}}$rip & 0xff000000)"
    return (
        f"set {{unsigned {size}}}$rip = {code}",
        f"set {{int}}&watched = {reason}",
        *(f"set $rax = {SCHED_OP}", f"set $rdi = {SHUT_DOWN}", "set $rsi = &watched"),
    )


def wrong_width(lab: Lab, kind: str) -> None:
    """A gdbsx that was started with 32 for a 64-bit domain."""
    guest = Guest(lab, kind)
    said = refused(guest.words(guest.gdbsx(width=32)))
    assert "Start it as 'gdbsx -a DOMID 64 PORT'." in said, said
    guest.destroy()


def no_domain(lab: Lab, kind: str) -> None:
    """A number and a name that no domain has; no gdbsx is asked."""
    dom0 = ["--dom0", shlex.join(lab.prefix)]
    for name in ("999", "nobody-has-this-name"):
        for words in (["gdbsx:127.0.0.1:1", *dom0, "--domain", name], [f"xen:{name}", *dom0]):
            assert f"There is no domain {name} behind --dom0" in refused(words)


def no_permission(lab: Lab, kind: str) -> None:
    """Who is not root in dom0 is told so."""
    guest = Guest(lab, kind)
    passwd = "root:x:0:0::/:/bin/sh\\nnobody:x:65534:65534::/:/bin/sh\\n"
    lab.run("sh", "-c", f"printf '{passwd}' >/etc/passwd")
    script = '#!/bin/sh\\nexec su -s /bin/sh nobody -c "$*"\\n'
    lab.run("sh", "-c", f"printf '{script}' >{NOBODY} && chmod 755 {NOBODY}")
    said = refused([f"xen:{guest.name}", "--dom0", shlex.join([*lab.prefix, NOBODY])])
    assert "no permission" in said, said
    assert "need root in dom0" in said, said
    guest.destroy()


def refused(words: list[str]) -> str:
    """The one sentence of a dr6 that can't attach."""
    done = dr6("attach", *words, "--batch", "-ex", "stepi")
    assert done.returncode == 3, done
    said = done.stderr.strip()
    assert said.startswith("dr6: "), done
    assert "\n" not in said, done
    print(f"    {said}")
    return said


def started_by_dr6(lab: Lab, kind: str) -> None:
    """``xen:NAME --dom0 PREFIX``: dr6 starts gdbsx, finds its width and port, and ends it again."""
    guest = Guest(lab, kind)
    words = [f"xen:{guest.name}", "--dom0", shlex.join(lab.prefix), "--symbols", str(guest.image)]
    done = dr6("attach", *words, "--batch", "--strict", "-ex", "break plain_top", "-ex", "continue", "-ex", "stepi")
    assert done.returncode == 0, done.stderr
    assert "<plain_top>: software breakpoint of the debugger" in done.stdout, done.stdout
    until(lambda: not pid_of_gdbsx(lab, guest), "gdbsx is gone")
    assert "p" not in guest.state()
    with attached(guest, "break own_int3", target=words) as session:
        session.go_on("continue")
        until(lambda: "p" not in guest.state(), "the domain runs")
        guest.destroy()
        assert "is gone: it was destroyed" in session.ends()


STORIES = {"destroyed": destroyed, "rebooted": rebooted, "wrong-width": wrong_width}
ONCE = {
    "xen-name": started_by_dr6,
    "gdbsx-killed": gdbsx_killed,
    "destroyed-2": destroyed_unseen,
    "no-domain": no_domain,
    "no-permission": no_permission,
}
"""Where the kind of domain makes no difference."""
