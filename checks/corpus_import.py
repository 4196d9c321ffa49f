"""Import and format every real spec of a corpus, and hold the results to what they promise.

    python checks/corpus_import.py FOLDER

FOLDER has ``index.tsv`` (columns NNN, expect) and ``specs/NNN.yaml``. For each spec that is to be accepted, with its
secrets encrypted as the platform would:

- exported and read back it is in sync, and exporting that again gives the same text;
- imported over its own file the file comes back byte for byte;
- another app's spec imported over it is in sync afterwards;
- formatted it says the same, and formatting twice is formatting once (this for the other specs of the corpus, too).

Exit 1 if anything fails.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from reconciler.appspec.secrets import plaintext_secrets
from reconciler.config import Config
from reconciler.desired.export import export_spec
from reconciler.desired.format import format_text
from reconciler.desired.git_history import plain_specs
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.merge import merge_spec
from reconciler.plan.align import align
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.yamltext import read_text


def encrypted(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with ciphertext in place of every plaintext secret."""
    out: dict[str, Any] = deepcopy(dict(spec))
    for pointer, _ in list(plaintext_secrets(out)):
        *way, last = pointer.split("/")[1:]
        node: Any = out
        for part in way:
            node = node[int(part)] if isinstance(node, list) else node[part]
        node[last] = "EV[1:bm9uY2U=:Y2lwaGVydGV4dA==]"
    return out


def paths(spec: Mapping[str, Any], live: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Where a spec differs from live."""
    aligned = align(canonical(spec), canonical(live))
    return [change.path for change in diff(aligned.live, aligned.desired)]


def only(text: str) -> dict[str, Any]:
    """The one spec of a text."""
    ((_, spec),) = plain_specs(text, "")
    return dict(spec)


def comments(text: str) -> Counter[str]:
    """Whatever looks like a comment, a `#` within text included."""
    return Counter(re.findall(r"(?:^|(?<=\s))#.*?(?=\s*$)", text, re.MULTILINE))


def failures(app: DesiredApp, other: Mapping[str, Any]) -> Iterator[str]:
    """What does not hold for one spec."""
    live = encrypted(app.spec)
    text = export_spec(live)
    if found := paths(only(text), live):
        yield f"exported, it differs at {found[0]}"
    if export_spec(only(text)) != text:
        yield "exported twice, it is another text"
    if merge_spec(app, live, lambda spec: paths(spec, live)) != app.document.text:
        yield "imported over its own file, it changed"
    foreign = {**encrypted(other), "name": app.name}
    merged = merge_spec(app, foreign, lambda spec: paths(spec, foreign))
    if found := paths(only(merged), foreign):
        yield f"with another spec imported over it, it differs at {found[0]}"


def misformatted(text: str) -> Iterator[str]:
    """What does not hold for the formatted text of a spec."""
    out = format_text(text)
    if plain_specs(out, "") != plain_specs(text, ""):
        yield "formatted, it says something else"
    if format_text(out) != out:
        yield "formatted twice, it is another text"
    if comments(out) != comments(text):
        yield "formatted, it lost a comment"


def accepted(folder: Path, numbers: Iterable[str]) -> Iterator[tuple[str, DesiredApp]]:
    """The specs that are to be accepted."""
    for number in numbers:
        for app in load([folder / "specs" / f"{number}.yaml"], config=Config(), environ={}).apps:
            yield number, app


def main(folder: Path) -> int:
    """Check the whole corpus."""
    with (folder / "index.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    found = list(accepted(folder, (row["NNN"] for row in rows if row["expect"] == "accept")))
    problems = [
        (number, problem)
        for (number, app), (_, other) in zip(found, found[1:] + found[:1], strict=True)
        for problem in failures(app, other.spec)
    ]
    for row in rows:
        path = folder / "specs" / f"{row['NNN']}.yaml"
        problems += [(row["NNN"], problem) for problem in misformatted(read_text(path, str(path)))]
    for number, problem in problems:
        print(f"{number}: {problem}")
    print(f"{len(found)} specs imported, {len(rows)} formatted: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
