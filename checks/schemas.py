"""Write the published JSON Schemas: `python -m checks.schemas` after a change of what programs or editors read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
KINDS = (
    "spec",
    "overlay",
    "config",
    "plan",
    "drift",
    "environments",
    "rollout",
    "previews",
    "findings",
    "error",
    "event",
)


def text_of(kind: str) -> str:
    """What `reconcile schema KIND` prints."""
    command = [sys.executable, "-m", "reconciler", "schema", kind]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Write every schema into docs/schemas."""
    FOLDER.mkdir(exist_ok=True)
    for kind in KINDS:
        (FOLDER / f"{kind}.json").write_text(text_of(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
