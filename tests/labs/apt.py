"""apt-get with lists, cache and state of its own: it needs no root and leaves the machine's alone.

Where packages come from is what the machine's own sources say; Debian's backports are the same archive's.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from tests.labs.cache import cache_root
from tests.labs.errors import LabError

Release = Literal["bookworm", "bookworm-backports"]
Kind = Literal["deb", "deb-src"]

CODENAME = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Apt:
    """A private apt of the cache, for packages or for sources.

    Only one process at a time may use it: hold `cache.locked("apt")`.
    """

    def __init__(self, kind: Kind = "deb") -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise LabError("The labs are made of Debian's packages, and there is no apt-get here to fetch them with.")
        self._root = cache_root() / ("apt" if kind == "deb" else "apt-source")
        for folder in ("sources", "state/lists/partial", "cache/archives/partial"):
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        self._root.joinpath("status").touch()  # nothing is installed, so what a package depends on comes along
        self._root.joinpath("sources/labs.sources").write_text(sources(configured(), kind))

    def update(self) -> None:
        self._run("apt-get", "update")

    def dependencies(self, package: str) -> list[str]:
        """The names of what ``package`` of bookworm depends on."""
        text = self._run("apt-cache", "depends", "--important", "--no-recommends", package)
        return [line.split(":", 1)[1].strip() for line in text.splitlines() if "Depends:" in line]

    def download(self, folder: Path, names: Iterable[str]) -> None:
        """The packages ``names`` of bookworm into ``folder``, without what they depend on."""
        self._run("apt-get", "download", *names, cwd=folder)

    def download_all(self, folder: Path, names: Iterable[str], release: Release) -> None:
        """The packages ``names`` and all that they depend on into ``folder``."""
        (folder / "partial").mkdir()
        options = ("-y", "--download-only", "--no-install-recommends", "-t", release)
        self._run("apt-get", "install", *options, "-o", f"Dir::Cache::archives={folder}", *names)

    def download_source(self, folder: Path, name: str) -> None:
        """The source package ``name`` into ``folder``, as it is in the archive. This apt must be of kind deb-src."""
        self._run("apt-get", "source", "--download-only", name, cwd=folder)

    def _run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        root = self._root
        options = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": root / "sources",
            "Dir::State": root / "state",
            "Dir::State::status": root / "status",
            "Dir::Cache": root / "cache",
            "Acquire::Languages": "none",
            "APT::Architecture": "amd64",
            "APT::Update::Error-Mode": "any",  # otherwise a server that can't be reached is a mere warning
            "APT::Sandbox::User": "root",  # as whoever we are: `_apt` can't write into a user's cache
        }
        words = [program, "-qq", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
        done = subprocess.run([*words, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = said[0].removeprefix("E:").strip() if said else f"exit code {done.returncode}"
            raise LabError(f"The labs lack packages, because `{program} {arguments[0]}` failed: {why}")
        return done.stdout


class Source(NamedTuple):
    """One suite of one archive, as the machine's own sources name it."""

    uri: str
    suite: str


def configured() -> list[Source]:
    """The machine's sources with a component ``main``."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return list(dict.fromkeys(Source(row[0], row[1]) for row in rows if len(row) == 3 and row[2] == "main"))


def sources(own: list[Source], kind: Kind = "deb") -> str:
    """The sources of the labs, in the format of deb822: Debian 12, its updates and its backports.

    Source packages come from Debian 12 alone: not every mirror has those of the updates.
    """
    debian = [source for source in own if source.suite.startswith(CODENAME)]
    archives = dict.fromkeys(source.uri for source in debian if source.suite == CODENAME)
    if not archives:  # another release of Debian: its archive has this one too
        archives = dict.fromkeys(source.uri for source in own if "security" not in source.uri + source.suite)
        debian = [Source(uri, CODENAME) for uri in archives]
    if not archives:
        raise LabError("The labs need Debian's packages, and apt-get here has no source of them.")
    backports = [Source(uri, f"{CODENAME}-backports") for uri in archives]
    wanted = dict.fromkeys([*debian, *backports] if kind == "deb" else [Source(uri, CODENAME) for uri in archives])
    signed = f"Signed-By: {KEYRING}\n" if KEYRING.exists() else ""
    return "\n".join(
        f"Types: {kind}\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed}" for uri, suite in wanted
    )
