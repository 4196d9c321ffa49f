"""Render every real spec of a corpus with generated overlays, and hold the results to what they promise.

    python checks/corpus_overlays.py FOLDER

FOLDER has ``index.tsv`` (columns NNN, expect) and ``specs/NNN.yaml``. For each spec that is to be accepted:

- an empty overlay changes nothing, and neither does one that says what the base says;
- an overlay of one value reaches exactly that value, wherever in the spec it is, and nothing else;
- applied twice it is as applied once;
- every value of the rendering has a place in the base or the overlay.

Exit 1 if anything fails.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from reconciler.appspec.shape import SPEC, Listing, Record, Shape, written_identity
from reconciler.appspec.walk import within
from reconciler.config import Config
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.overlays import OVERLAY_GUIDE, Overlay
from reconciler.desired.parts import Part, part_of, taken_apart
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.yamltext import Written, parse

LEFT_ALONE = frozenset({"name", "key", "domain", "rule", "operator", "value", "window", "type"})
"""Fields of identities, and those that decide how another value is compared."""


def leaves(node: Any, shape: Shape | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The numbers and texts of a spec that an overlay can name, by identity."""
    if isinstance(node, dict) and isinstance(shape, Record):
        for name, value in node.items():
            if name in shape.fields and (name not in LEFT_ALONE or isinstance(value, dict | list)):
                yield from leaves(value, within(shape, name), (*path, name))
    elif isinstance(node, list) and isinstance(shape, Listing) and shape.identity:
        names = [written_identity(shape, item) for item in node]
        for name, item in zip(names, node, strict=True):
            if names.count(name) == 1 and name:
                yield from leaves(item, shape.item, (*path, name))
    elif isinstance(node, int | str) and not isinstance(node, bool):
        yield path, node


def applied(app: DesiredApp, data: Any, spec: Any = None) -> tuple[Any, Written, list[str]]:
    """The spec with an overlay of this data, where its parts are written, and what is wrong."""
    text = yaml.safe_dump({"name": "base", **data}, allow_unicode=True)
    (document,), _ = parse(text, "overlay.yaml", guide=OVERLAY_GUIDE)
    part: Part = part_of(app.spec if spec is None else spec, app.document, app.wrapper)
    findings = Overlay("base", document).apply(part)
    rendered, places = taken_apart(part)
    return rendered, Written(app.document, app.wrapper, places), [one.message for one in findings]


def failures(app: DesiredApp) -> Iterator[str]:
    """What does not hold for one spec."""
    if applied(app, {})[0] != app.spec:
        yield "an empty overlay changes it"
    for path, value in leaves(app.spec, SPEC):
        for wanted in (value, value + 1 if isinstance(value, int) else f"{value}-other"):
            data: Any = wanted
            for name in reversed(path):
                data = {name: data}
            rendered, written, problems = applied(app, data)
            where = "/".join(path)
            if problems:
                yield f"{where}: {problems[0]}"
                continue
            changed = [change.path for change in diff(canonical(app.spec), canonical(rendered))]
            if wanted == value and changed:
                yield f"{where}: saying what the base says changes {changed[0]}"
            beyond = [one for one in changed if one[: len(path)] != path and one[0] != "ingress"]
            if beyond and not any(path[: len(one)] == one for one in beyond):
                yield f"{where}: it also reaches {'/'.join(beyond[0])}"
            if applied(app, data, rendered)[0] != rendered:
                yield f"{where}: applied twice it is another"
            if not written.locate("").line:
                yield f"{where}: the rendering has no place"


def main(folder: Path) -> int:
    """Check the whole corpus."""
    with (folder / "index.tsv").open(newline="", encoding="utf-8") as stream:
        numbers = [row["NNN"] for row in csv.DictReader(stream, delimiter="\t") if row["expect"] == "accept"]
    problems: list[str] = []
    apps = 0
    for number in numbers:
        for app in load([folder / "specs" / f"{number}.yaml"], config=Config(), environ={}).apps:
            apps += 1
            problems += [f"{number}: {one}" for one in failures(app)]
    for problem in problems:
        print(problem)
    print(f"{apps} specs rendered with generated overlays: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
