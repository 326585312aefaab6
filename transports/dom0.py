"""Programs in Xen's dom0, here or behind a prefix (``ssh root@dom0``): one process for each question.

Only plain words are ever sent, so it does not matter whether the prefix hands them to a shell or not.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from transports.errors import HelperFailed
from transports.process import first_complaint

SECONDS = 20.0
"""How long a helper may take; ``xenctx`` takes a second on a machine that is emulated."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,@%-]+")
_NOT_THERE = re.compile(r"not found|no such file|cannot find", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"permission denied|operation not permitted|must be root", re.IGNORECASE)
_NO_XEN = re.compile(r"privileged command interface|failed to stat .*xenstored|privcmd", re.IGNORECASE)


def helper_source() -> str:
    """dr6-vcpu in C, for a compiler in dom0; its first lines say how."""
    return Path(__file__).with_name("dr6-vcpu.c").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Dom0Programs:
    """Where dom0 is: ``prefix`` are the words in front of every command; none where we are in it."""

    prefix: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Dom0Programs:
        """The words of ``--dom0``. Raises `HelperFailed` where they don't end as a shell's would."""
        try:
            return cls(tuple(shlex.split(text)))
        except ValueError as error:
            raise HelperFailed(f"--dom0 {text!r} can't be cut into words: {error}.") from None

    def command(self, words: Sequence[str]) -> list[str]:
        """What to start for ``words``. Raises `HelperFailed` for a word that a shell might take apart."""
        for word in words:
            if _PLAIN.fullmatch(word) is None:
                raise HelperFailed(f"{word!r} has characters that may not pass through --dom0; give a domain's number.")
        return [*self.prefix, *words]

    @property
    def place(self) -> str:
        return f"behind --dom0 '{shlex.join(self.prefix)}'" if self.prefix else "on this machine"

    async def run(self, *words: str) -> str:
        """What the program prints. Raises `HelperFailed` with one sentence where it fails, or is not there."""
        argv = self.command(words)
        with trio.move_on_after(SECONDS):
            try:
                done = await trio.run_process(
                    argv,
                    stdin=subprocess.DEVNULL,
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                    start_new_session=True,
                )
            except OSError as error:
                raise HelperFailed(f"{argv[0]} can't be run {self.place}: {error.strerror}.") from None
            if done.returncode == 0:
                return done.stdout.decode("utf-8", "replace")
            printed = done.stdout.decode("utf-8", "replace")
            raise HelperFailed(self._complaint(words, done.returncode, done.stderr or done.stdout), printed)
        raise HelperFailed(f"'{' '.join(words)}' {self.place} did not end within {SECONDS:g} seconds.")

    def _complaint(self, words: Sequence[str], status: int, output: bytes) -> str:
        said = first_complaint(output)
        what = f"'{' '.join(words)}' failed {self.place}"
        if status in (126, 127) and (not said or _NOT_THERE.search(said)):
            return f"{words[0]} was not found {self.place}; install the Xen tools there, or set PATH."
        if _NOT_ALLOWED.search(said):
            return f"{what}: no permission ({said}); the Xen tools need root in dom0."
        if _NO_XEN.search(said):
            return f"{what}: no Xen is to be talked to there ({said}); is that the dom0, with xenstored running?"
        return f"{what}: {said}." if said else f"{what} with status {status}, and said nothing."


HELPER = "dr6-vcpu"
"""dr6's own, for debug registers: see `helper_source`."""
TOOLS = ("xl", "gdbsx", "xenctx", HELPER)
_OWN = ("/usr/local/sbin", "/usr/local/bin")
_FOLDERS = (
    "/usr/lib/xen-{0}/bin",
    "/usr/libexec/xen/bin",
    "/usr/lib/xen/bin",
    "/usr/local/lib/xen/bin",
    "/usr/sbin",
    *_OWN,
)
_VERSION = re.compile(r"^xen_version\s*:\s*(\d+\.\d+)", re.MULTILINE)
_WIDTH = re.compile(r"^(?:cs:)?(rip|eip): ", re.MULTILINE)
_LAST_REGISTER = "\ndr7: "
SUCCESSOR_SECONDS, SUCCESSOR_LOOK = 5.0, 0.5
"""How long one that is gone may take to come again under its name, and how often that is asked."""
COLUMNS, STATE = 6, -2
"""Of ``xl list``: name, number, memory, vCPUs, state, seconds. A state with a ``d`` is that of a domain that is being
destroyed, and may stay so while somebody holds memory of it."""


@dataclass
class Domain:
    """One domain, and the helpers for it. ``domain`` is its number, ``identity`` its UUID."""

    dom0: Dom0Programs
    domain: int
    name: str
    identity: str | None
    hvm: bool
    tools: dict[str, str] = field(default_factory=dict)

    async def xl(self, *words: str) -> str:
        return await self.dom0.run(self.tools.get("xl", "xl"), *words)

    async def xenctx(self, cpu: int) -> str:
        """One vCPU's registers. With frame pointers and one line of stack (``-f -l 1``) it does not map the stack word
        by word, which takes seconds; that it fails there, behind the registers, does not matter."""
        words = ("-a", "-f", "-l", "1", str(self.domain), str(cpu))
        try:
            return await self.dom0.run(self.tools.get("xenctx", "xenctx"), *words)
        except HelperFailed as failure:
            if _LAST_REGISTER not in failure.printed:
                raise
            return failure.printed

    @property
    def sets_debug_registers(self) -> bool:
        """Was dr6-vcpu found?"""
        return HELPER in self.tools

    async def vcpu(self, *words: str) -> str:
        return await self.dom0.run(self.tools.get(HELPER, HELPER), *words)

    async def cpuinfo(self) -> str:
        return await self.dom0.run("cat", "/proc/cpuinfo")

    async def pause(self) -> None:
        """Stop all of it; gdbsx notices within 10 ms."""
        await self.xl("pause", str(self.domain))

    async def width(self) -> int:
        """64 or 32: which registers gdbsx is to show. Those of an HVM domain are kept in 64 bits, whatever it runs.
        Raises `HelperFailed` where no helper tells."""
        if self.hvm:
            return 64
        shown = _WIDTH.search(await self.xenctx(0))
        if shown is None:
            raise HelperFailed(f"xenctx does not say whether {self.name} is a 32-bit or a 64-bit domain.")
        return 64 if shown[1] == "rip" else 32

    async def fate(self) -> str:
        """What became of the domain, in one sentence; empty while it is there. Raises `HelperFailed` where xl does not
        work at all."""
        number = await self._number_now()
        with trio.move_on_after(SUCCESSOR_SECONDS):
            while number is None:  # a reboot ends one, and makes another under its name
                await trio.sleep(SUCCESSOR_LOOK)
                number = await self._number_now()
        if number is None:
            return f"The domain {self.name} ({self.domain}) is gone: it was destroyed or shut down."
        if number == self.domain:
            return ""
        return f"The domain {self.name} ({self.domain}) has rebooted and is number {number} now; attach to it anew."

    async def _number_now(self) -> int | None:
        """The domain's number as long as it is there, then that of the one of its name."""
        rows = [row for line in (await self.xl("list")).splitlines() if len(row := line.split()) >= COLUMNS]
        listed = {int(row[1]): row[0] for row in rows if "d" not in row[STATE] and row[1].isdecimal()}
        if self.domain in listed:
            return self.domain
        return next((number for number, name in listed.items() if name == self.name), None)


async def find_domain(dom0: Dom0Programs, text: str) -> Domain:
    """The domain of that name or number. Raises `HelperFailed` with one sentence."""
    tools = await _find_tools(dom0)
    xl = tools.get("xl", "xl")
    try:
        listed = await dom0.run(xl, "list", "-l", text)
    except HelperFailed as failure:
        if "invalid domain" not in str(failure) and "does not exist" not in str(failure):
            raise
        raise HelperFailed(
            f"There is no domain {text} {dom0.place}: 'xl list' shows those that there are."
        ) from failure
    try:
        rows = json.loads(listed)
        row = rows[0] if isinstance(rows, list) else rows
        info = row["config"]["c_info"]
        return Domain(dom0, int(row["domid"]), str(info["name"]), info.get("uuid"), info.get("type") != "pv", tools)
    except (ValueError, KeyError, TypeError, IndexError):
        raise HelperFailed(f"'xl list -l {text}' printed nothing that dr6 understands.") from None


async def _find_tools(dom0: Dom0Programs) -> dict[str, str]:
    """Where the tools are; those that are not found are called by their bare names, and fail with a sentence."""
    if not dom0.prefix and shutil.which("xl") is None:
        raise HelperFailed(
            "xl was not found on PATH: is this a Xen host's dom0? Otherwise give --dom0 'ssh root@dom0'."
        )
    found = _VERSION.search(await dom0.run("xl", "info"))
    folders = [folder.format(found[1] if found else "") for folder in _FOLDERS]
    words = [*TOOLS, *(f"{folder}/{tool}" for tool in TOOLS for folder in folders)]
    try:
        lines = (await dom0.run("which", *words)).splitlines()
    except HelperFailed as failure:
        lines = failure.printed.splitlines()
    tools: dict[str, str] = {}
    for line in lines:
        if (name := line.strip().rpartition("/")[2]) in TOOLS:
            tools.setdefault(name, line.strip())
    return tools
