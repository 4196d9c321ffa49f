"""How large `reconciler/` is: files, lines, and how long files and functions are; exit 1 where one is too long to read.

python -m checks.figures [FOLDER]
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cyclopts import App

ROOT = Path(__file__).parents[1]

MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 400, 60

app = App(result_action="return_value")


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, methods and inner ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.name, node.end_lineno - node.lineno + 1


def _row(what: str, lengths: Sequence[int]) -> str:
    ordered = sorted(lengths)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"{what:10} {len(ordered):6} {sum(ordered):8} {statistics.median(ordered):8.0f} {high:8} {ordered[-1]:8}"


@app.default
def main(folder: Path = ROOT / "reconciler") -> int:
    """Print the table."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    files = [len(text.splitlines()) for text in texts.values()]
    spans = [(path, name, lines) for path, text in texts.items() for name, lines in functions(text)]
    print(f"{'':10} {'number':>6} {'lines':>8} {'median':>8} {'95th %':>8} {'longest':>8}")
    print(_row("files", files))
    print(_row("functions", [lines for _, _, lines in spans]))
    long_files = [(path, len(text.splitlines())) for path, text in texts.items()]
    wrong = [f"{path}: {lines} lines" for path, lines in long_files if lines > MOST_LINES_OF_A_FILE]
    wrong += [f"{path}: {name}: {lines} lines" for path, name, lines in spans if lines > MOST_LINES_OF_A_FUNCTION]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(app())
