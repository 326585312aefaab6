"""dr6's plugin for QEMU's TCG, built by this machine's C compiler when it is first used."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from transports.errors import CannotOpen
from transports.process import first_complaint

FLAGS = ("-O2", "-fPIC", "-shared", "-fvisibility=hidden")
SECONDS = 60.0
_VERSION = re.compile(r"\bversion (\d+)\.(\d+)")


def plugin_for(qemu: str) -> Path:
    """The plugin that the QEMU ``qemu`` (a path) can load. Raises `CannotOpen`."""
    return build_plugin(level_of(version_of(qemu)))


def version_of(qemu: str) -> tuple[int, int]:
    """As (7, 2). Raises `CannotOpen`."""
    try:
        said = subprocess.run([qemu, "--version"], capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotOpen(f"{qemu} does not say which version it is: {error}.") from error
    found = _VERSION.search(said.stdout)
    if found is None:
        raise CannotOpen(f"{qemu} does not say which version of QEMU it is.")
    return int(found[1]), int(found[2])


def level_of(version: tuple[int, int]) -> int:
    """The level of the plugin interface that is asked for: QEMU 9.0 and newer take 2 as the oldest one. What is newer
    than is known, the plugin itself refuses. Raises `CannotOpen`."""
    if version < (6, 0):
        raise CannotOpen(f"QEMU {version[0]}.{version[1]} is too old for dr6's plugin, which needs 6.0 or newer.")
    return 1 if version < (9, 0) else 2


def build_plugin(level: int) -> Path:
    """The built plugin, from the cache where the same source was built before. Raises `CannotOpen`."""
    source = Path(__file__).with_name("dr6-plugin.c")
    flags = (*FLAGS, f"-DDR6_API={level}")
    key = hashlib.sha256(source.read_bytes() + " ".join(flags).encode()).hexdigest()[:16]
    folder = _cache()
    target = folder / f"dr6-plugin-{level}-{key}.so"
    if target.is_file():
        return target
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(compiler[0]) is None:
        raise CannotOpen(f"dr6's plugin for QEMU can't be built: there is no C compiler {compiler[0]} (Debian: gcc).")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="plugin-", dir=folder) as new:
            built = Path(new) / "plugin.so"
            command = [*compiler, *flags, "-o", str(built), str(source)]
            done = subprocess.run(command, capture_output=True, timeout=SECONDS)
            if done.returncode or not built.is_file():
                why = first_complaint(done.stderr) or f"{compiler[0]} ended with {done.returncode}"
                raise CannotOpen(f"dr6's plugin for QEMU can't be built: {why}")
            os.replace(built, target)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotOpen(f"dr6's plugin for QEMU can't be built in {folder}: {error}.") from error
    return target


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError):  # there is no home
        return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "dr6"
    return Path(tempfile.gettempdir()) / f"dr6-{os.getuid()}"
