"""``dr6`` and ``python -m dr6``: sees to it that the program gets its own packages, and starts it.

``transports``, ``frontend`` and ``gdbstub`` are names of other packages on PyPI too. This module has a name that is
dr6's alone, so it is there whatever else was installed, and it loads nothing of the three before it has looked at
their files (docs/adr/0008).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("transports", "gdbstub", "frontend")
USAGE = 2
INTERRUPTED = 130
REMEDY = "install dr6 in an environment of its own: pipx install dr6"


class _Beside:
    """Finds the three packages beside this file, whatever of their names comes earlier on the path."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [HERE]) if name in PACKAGES else None


BESIDE = _Beside()


def main() -> int:
    """Run dr6; the exit code."""
    if BESIDE not in sys.meta_path:
        sys.meta_path.insert(0, BESIDE)
    wrong = trouble(HERE)
    if wrong is not None:
        print(f"dr6: {wrong}", file=sys.stderr)
        return USAGE
    try:
        from frontend.cli.parser import main as run

        return run()
    except KeyboardInterrupt:  # while dr6 was being loaded
        return INTERRUPTED


def trouble(here: str) -> str | None:
    """Why the packages in ``here`` are not as dr6 was installed, in one sentence."""
    for name in PACKAGES:
        spec = getattr(sys.modules.get(name), "__spec__", None)  # loaded by `python -m frontend`, or by a .pth file
        origin = spec.origin if spec is not None else None
        if origin is not None and os.path.realpath(origin) != os.path.realpath(_path(here, f"{name}/__init__.py")):
            return _another(name, origin)
    found = []
    for record in _records(here):
        wrong = next(_differences(here, record), None)
        if wrong is None:
            return None  # an older record may have been left behind
        found.append(wrong)
    return found[0] if found else None


def _records(here: str) -> Iterator[str]:
    """The lists of installed files (PEP 376); a checkout has none, and nobody installs into it."""
    try:
        names = os.listdir(here)
    except OSError:
        return  # packed into one file
    for name in names:
        if name.startswith("dr6-") and name.endswith(".dist-info"):
            try:
                with open(os.path.join(here, name, "RECORD"), encoding="utf-8", errors="replace") as file:
                    yield file.read()
            except OSError:
                continue  # some distributions leave it out


def _differences(here: str, record: str) -> Iterator[str]:
    """Files by their size, which costs a few milliseconds where their hashes would cost many; modules also by what
    the import system finds under their name: a folder or a shared object goes before the file of a module."""
    for line in record.splitlines():
        rest, _, size = line.rpartition(",")
        name = rest.rpartition(",")[0]
        package = name.partition("/")[0]
        if package not in PACKAGES or not size.isdecimal():
            continue  # the size of what was compiled is not recorded
        path = _path(here, name)
        try:
            actual = os.stat(path).st_size
        except OSError:
            actual = None
        found = _found(here, name) if name.endswith(".py") else path
        if found not in (path, None):
            yield _another(package, str(found))
        elif actual is None:
            yield f"{path} is gone, as it is when another package named {package} was removed: {REMEDY}"
        elif actual != int(size):
            yield _another(package, path)


def _found(here: str, name: str) -> str | None:
    """Which file the module of the file ``name`` would be loaded from."""
    folder, _, module = name.removesuffix(".py").removesuffix("/__init__").rpartition("/")
    spec = PathFinder.find_spec(module, [_path(here, folder) if folder else here])
    return spec.origin if spec is not None else None


def _path(here: str, name: str) -> str:
    return os.path.join(here, *name.split("/"))


def _another(package: str, path: str) -> str:
    return f"found another package named {package} at {path}: {REMEDY}"


if __name__ == "__main__":
    sys.exit(main())
