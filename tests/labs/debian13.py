"""`make test` of a clean clone on a fresh Debian 13: its Python, QEMU, gdb and lldb, and nothing set up by hand.

The root is made by debootstrap once and copied for each run, which installs what is missing as on any other machine.
Packages come from where this machine's own do. The run has mounts and processes of its own, so nothing of it stays.
With another QEMU in the root's path, it is that one's gate.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.labs.apt import configured
from tests.labs.cache import cache_root, cached
from tests.labs.errors import LabError, LabSkipped
from tests.labs.progress import Progress
from tests.labs.qemu import ubuntu_qemu

CODENAME = "trixie"
PACKAGES = "ca-certificates,git,make"
"""What a clone and `make` need; the rest is `scripts/setup`'s to install."""
TOOLS = ("debootstrap", "setpriv", "unshare", "git")
CHECKOUT = Path(__file__).parents[2]
SECONDS = 3600
CERTIFICATES = "usr/local/share/certificates-of-the-machine.crt"
SHOWN = 40
"""Lines of a run that failed."""
RUN = """
set -e
mount -t proc proc "$1/proc"
mount -t sysfs sys "$1/sys"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/var/cache/apt/archives"
root=$1
shift 2
exec chroot "$root" env -i "$@" make -C /root/dr6 test
"""


def debian13(progress: Progress, record: bool) -> None:
    """Nothing is recorded."""
    _gate(progress, lambda root: None)


def tcg82(progress: Progress, record: bool) -> None:
    """With Ubuntu 24.04's QEMU 8.2.2, whose C library is newer than Debian 12's. Nothing is recorded."""
    _gate(progress, ubuntu_qemu)


def _gate(progress: Progress, add_to: Callable[[Path], None]) -> None:
    """``add_to`` puts into the new root what is there before ``make test``."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise LabSkipped(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        raise LabSkipped("only root may change its root")
    progress.step(f"a root of {CODENAME} is made, where it is not there yet")
    base = cached(f"roots/{CODENAME}", _bootstrap)
    archives = cache_root() / "roots" / f"{CODENAME}-archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{CODENAME}-", dir=cache_root()) as name:
        root = Path(name) / "root"
        progress.step("the root is copied, and this checkout's last commit cloned into it")
        _run("cp", "-a", str(base), str(root))
        _set_up(root)
        add_to(root)
        _run("git", "clone", "-q", "--no-hardlinks", str(CHECKOUT), str(root / "root/dr6"))
        progress.step("make test")
        lines = _make_test(root, archives)
    progress.say(next((line for line in reversed(lines) if " passed" in line), "it ended well").strip("= "))


def _archive() -> str:
    """Where this machine's packages come from."""
    own = [source.uri for source in configured() if "security" not in source.uri + source.suite]
    if not own:
        raise LabError("The lab needs Debian's packages, and apt-get here has no source of them.")
    return own[0]


def _bootstrap(root: Path) -> None:
    _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", CODENAME, str(root), _archive())


def _set_up(root: Path) -> None:
    """Names, proxies and certificates of this machine."""
    for name in ("etc/resolv.conf", "etc/hosts"):
        if Path("/", name).exists():
            shutil.copyfile(Path("/", name), root / name)
    said = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    (root / "etc/apt/apt.conf.d/99machine").write_text(said)
    if bundle := _certificates():
        shutil.copyfile(bundle, root / CERTIFICATES)


def _certificates() -> str | None:
    named = (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile)
    return next((path for path in named if path and Path(path).is_file()), None)


def _environment() -> list[str]:
    """That of the run; of this machine's, how pip is told where packages are."""
    path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    settings = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}
    kept = ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "http_proxy", "https_proxy", "no_proxy")
    settings |= {name: os.environ[name] for name in kept if name in os.environ}
    if _certificates():
        settings |= {"PIP_CERT": f"/{CERTIFICATES}", "SSL_CERT_FILE": f"/{CERTIFICATES}"}
    return [f"{name}={value}" for name, value in settings.items()]


def _make_test(root: Path, archives: Path) -> list[str]:
    """What it prints. Raises `LabError` with its end where it fails."""
    # It ends with us, however we end.
    own = (
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
    )
    log = cache_root() / "debian13.log"
    with log.open("wb") as file:
        command = [*own, "sh", "-c", RUN, "sh", str(root), str(archives), *_environment()]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"make test did not end within {SECONDS} seconds; what it printed is in {log}.") from None
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if done.returncode:
        raise LabError("make test failed; the end of what it printed:\n" + "\n".join(lines[-SHOWN:]))
    return lines


def _run(*words: str) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise LabError(f"`{words[0]}` failed: {said[0]}")
