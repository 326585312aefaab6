"""The vectors as files for `dr6 explain --evidence tests/vectors/A01.json`.

`python -m tests.gdbstub.explain.vector_files` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path

from gdbstub.explain.evidence_json import evidence_to_json
from tests.gdbstub.explain.vectors import CASES

FOLDER = Path(__file__).parents[2] / "vectors"


def text(name: str) -> str:
    return json.dumps(evidence_to_json(CASES[name].evidence), indent=1) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name in CASES:
        (FOLDER / f"{name}.json").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
