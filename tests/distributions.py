"""What is given to users, built by the backend that pyproject.toml names, as it is installed here: no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]


def build(source: Path, kind: Literal["wheel", "sdist"], into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built
