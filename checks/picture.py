"""Draw docs/plan.svg, the terminal in README: `python -m checks.picture`. What it shows is a run of this project."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from reconciler.cli.main import main
from reconciler.clock import SystemClock

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/plan.svg"
COLUMNS = 84

_FONTS = re.compile(r"\s*@font-face \{\{.*?\}\}\n", re.DOTALL)
_SPACES = re.compile(r"[ \t]+$", re.MULTILINE)


def drawn() -> str:
    """The picture: what `reconcile plan` prints about the example specs when one of them changed."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copytree(ROOT / "specs", "specs")
        Path("reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n", encoding="utf-8")
        _run("sandbox", "set", "speed=instant")
        _run("apply", "--sandbox", "--app", "shop", "--app", "mailer")
        shop = Path("specs/shop.yaml")
        shop.write_text(shop.read_text(encoding="utf-8").replace("value: info", "value: debug"), encoding="utf-8")
        tomorrow = datetime.now(UTC) + timedelta(days=1)  # the health of what was just deployed is no matter any more
        with patch.object(SystemClock, "now", staticmethod(lambda: tomorrow)):
            shown = _run("plan", "--sandbox", "--color", "always")
    screen = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    screen.print(Text("$ reconcile plan --sandbox", style="bold"))
    screen.print(Text.from_ansi(shown))
    style = _FONTS.sub("\n", CONSOLE_SVG_FORMAT)  # no picture of a README loads a font from elsewhere
    return _SPACES.sub("", screen.export_svg(title="reconcile", unique_id="plan", code_format=style))


def _run(*words: str) -> str:
    out = io.StringIO()
    hidden = dict.fromkeys(("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "CI"), "")
    with patch.dict(os.environ, hidden), contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main(words)
    return out.getvalue()


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
