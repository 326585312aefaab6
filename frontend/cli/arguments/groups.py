"""Arguments that several commands have."""

from __future__ import annotations

import argparse

TARGETS = """\
TARGET: HOST:PORT, :PORT, [::1]:PORT, tcp:HOST:PORT; unix:PATH or the path of a socket; /dev/ttyS0 or
serial:/dev/ttyS0?baud=115200; '|COMMAND ARGS' (its standard input and output); replay:FILE;
gdbsx:HOST:PORT (a gdbsx that listens) or xen:DOMAIN (starts one; in dom0, or with --dom0 'ssh root@dom0').
"""


class TakesBackend(argparse.Action):
    """The name of a kind of stub; which there are is read for ``--help`` only."""

    @property
    def help(self) -> str:
        from gdbstub.backends import BACKENDS

        return f"do not ask who the stub is: {', '.join(BACKENDS)}"

    @help.setter
    def help(self, text: str | None) -> None:
        """argparse sets what `help` says by itself."""

    def __call__(self, parser: object, namespace: argparse.Namespace, value: object, option: object = None) -> None:
        setattr(namespace, self.dest, value)


class Script(argparse.Action):
    """Keeps ``-ex`` and ``-x`` in the order of the command line, as gdb does."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        kind = "-x" if option in ("-x", "--command-file") else "-ex"
        namespace.script = [*(namespace.script or []), (kind, str(values))]


def plain(parser: argparse.ArgumentParser) -> None:
    """``--plain``."""
    parser.add_argument(
        "--plain",
        action="store_true",
        help="no screen: read commands from standard input, a line each (so by itself without a terminal, and with "
        "TERM=dumb)",
    )


def positive(text: str) -> int:
    """A number from 1; argparse turns the ValueError into usage."""
    value = int(text, 0)
    if value < 1:
        raise ValueError
    return value


def kaslr(text: str) -> int | str:
    """``auto``, ``off`` or an offset; argparse turns the ValueError into usage."""
    return text if text in ("auto", "off") else int(text, 0)


def natural(text: str) -> int:
    """A number from 0; as `positive`."""
    value = int(text, 0)
    if value < 0:
        raise ValueError
    return value


def target(parser: argparse.ArgumentParser) -> None:
    """The stub, and what Xen needs beside it."""
    parser.add_argument("target", metavar="TARGET", help="where the stub is")
    host(parser)
    dom0(parser)
    int3s(parser)
    parser.epilog = TARGETS


def host(parser: argparse.ArgumentParser) -> None:
    """How QEMU's host is reached, where it is not this machine."""
    parser.add_argument(
        "--host",
        metavar="PREFIX",
        help="QEMU with KVM on another machine: put this in front of the command that reads there what KVM keeps of "
        "each exit, as in 'ssh root@host'",
    )


def dom0(parser: argparse.ArgumentParser) -> None:
    """How the helpers of a Xen domain are run."""
    parser.add_argument(
        "--dom0", metavar="PREFIX", help="Xen: put this in front of every helper command, as in 'ssh root@dom0'"
    )
    parser.add_argument("--domain", metavar="DOMAIN", help="Xen: the domain behind gdbsx:HOST:PORT, by name or number")


def int3s(parser: argparse.ArgumentParser) -> None:
    """What becomes of int3s that an earlier dr6 left."""
    parser.add_argument(
        "--keep-int3s",
        action="store_true",
        help="Xen: leave the int3s of an earlier dr6 that was killed where they are (default: they are taken out; the "
        "screen asks first)",
    )


def session(parser: argparse.ArgumentParser) -> None:
    """Who the stub is, symbols, and a recording."""
    parser.add_argument("--backend", metavar="NAME", action=TakesBackend)
    parser.add_argument(
        "--symbols",
        metavar="FILE",
        action="append",
        default=[],
        help="ELF file, System.map or copy of kallsyms with the guest's symbols; FILE@OFFSET moves them; repeatable",
    )
    parser.add_argument(
        "--kaslr",
        metavar="SLIDE",
        type=kaslr,
        default="auto",
        help="how much higher than linked a Linux kernel runs: auto (its IDT says it; the default), off, or an offset",
    )
    parser.add_argument("--record", metavar="FILE", help="write the whole session down, for dr6 replay")


def witness(parser: argparse.ArgumentParser) -> None:
    """Who else looks at caught vectors."""
    parser.add_argument(
        "--witness",
        choices=("auto", "off", "require"),
        default="auto",
        help="QEMU's log of exceptions beside the breakpoints at handlers: what those miss is an event, too "
        "(default: auto)",
    )


def leave(parser: argparse.ArgumentParser) -> None:
    """How the guest is left."""
    parser.add_argument(
        "--leave",
        choices=("running", "stopped"),
        default="running",
        help="how the guest is left at the end; breakpoints are taken out in any case (default: running)",
    )


def script(parser: argparse.ArgumentParser) -> None:
    """Commands to run, and whether there is a screen."""
    parser.add_argument("-ex", "--ex", metavar="CMD", dest="script", action=Script, default=[], help="a command to run")
    parser.add_argument(
        "-x", "--command-file", metavar="FILE", dest="script", action=Script, help="commands to run from a file"
    )
    parser.add_argument(
        "-batch", "--batch", action="store_true", help="no screen: run the commands in order, then leave"
    )
    parser.add_argument("--strict", action="store_true", help="with --batch: end at the first command that fails")


def init(parser: argparse.ArgumentParser) -> None:
    """The user's own commands at each start."""
    parser.add_argument("-nx", "--nx", action="store_true", help="do not run the init file, ~/.config/dr6/init")


def qemu(parser: argparse.ArgumentParser) -> None:
    """A QEMU of our own."""
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="number of vCPUs")
    parser.add_argument("--memory", metavar="SIZE", help="as QEMU writes it: 256M")
    parser.add_argument("--cpu", metavar="MODEL", help="QEMU's CPU model")
    parser.add_argument("--qemu", metavar="PATH", help="which QEMU (default: qemu-system-x86_64)")
    parser.add_argument("qemu_args", nargs="*", metavar="-- QEMU ARGS", help="passed on to QEMU")


def beside(parser: argparse.ArgumentParser) -> None:
    """Clients beside the screen."""
    parser.add_argument(
        "--serve", metavar="ADDR", help="let stock gdb in beside the screen: :PORT, HOST:PORT or unix:PATH"
    )
    clients(parser)


def clients(parser: argparse.ArgumentParser) -> None:
    """What clients may do."""
    parser.add_argument(
        "--monitor",
        choices=("none", "info", "pwndbg", "all"),
        default="info",
        help="which commands of the hypervisor's own monitor clients may use; 'pwndbg': those that only look, and how "
        "it finds QEMU; 'all' lets them run programs of this machine (default: info, those that only look)",
    )
    parser.add_argument("--read-only", action="store_true", help="clients write neither registers nor memory")
    parser.add_argument("--allow-kill", action="store_true", help="clients may end the guest")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen where other machines can connect: whoever does controls the guest, there is no password",
    )
    parser.add_argument("--clients", type=positive, default=16, metavar="N", help="at most N at a time (default: 16)")
