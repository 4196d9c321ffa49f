"""Hold the models of an app spec against the vendor's descriptions, field by field.

    python checks/contract.py FOLDER

FOLDER has the OpenAPI files. Every difference (a field, a type, a member of an enumeration, a default, a limit, a
pattern, what is required) in either direction must stand in `deviations.py` with a reason, and every entry there
must still be true of one of the files. The table of sizes, prices and regions must say what the examples of both files
say. Exit 1 otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from deviations import DEVIATIONS, ERRATA, Deviation

from reconciler.appspec.kinds import REGIONS, SIZES, InstanceSize
from reconciler.appspec.schema import spec_schema
from reconciler.appspec.shape import MISSING, SPEC, Listing, Record, Shape

FILES = ("app-platform.openapi.json", "app-platform.seed-20260323.openapi.json")
KEYWORDS = ("type", "default", "minimum", "maximum", "minLength", "maxLength", "pattern", "required", "readOnly")

Facts = Mapping[str, dict[str, Any]]
"""What a description says of each path of a spec."""


class Difference(NamedTuple):
    """One fact on which the two do not agree; ``aspect`` as in `deviations.py`, ``missing`` for a field we lack."""

    aspect: str
    path: str
    ours: Any
    theirs: Any


def resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without ``$ref``, ``allOf`` and branches at its top; branches for null fall away."""
    out: dict[str, Any] = {}
    if "$ref" in schema:
        target: Any = root
        for token in schema["$ref"].removeprefix("#/").split("/"):
            target = target[token]
        out = merged(out, resolved(root, target))
    for part in schema.get("allOf", []):
        out = merged(out, resolved(root, part))
    for branch in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        if branch.get("type") != "null":
            out = merged(out, resolved(root, branch), widen=True)
    return merged(out, {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")})


def merged(one: Mapping[str, Any], two: Mapping[str, Any], *, widen: bool = False) -> dict[str, Any]:
    """Two schemas that hold at once; with ``widen`` the members of an enumeration add up."""
    out = dict(one)
    for key, value in two.items():
        if key == "properties":
            known = out.get("properties", {})
            both = {name: {"allOf": [known[name], value[name]]} for name in known.keys() & value.keys()}
            out["properties"] = {**known, **value, **both}
        elif key == "required" and isinstance(value, list):
            out["required"] = sorted({*out.get("required", []), *value})
        elif key == "enum" and widen:
            out["enum"] = [*out.get("enum", []), *value]
        else:
            out[key] = value
    return out


def facts(
    root: Mapping[str, Any], schema: Mapping[str, Any], path: str = "", *, required: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and facts of a schema and of everything below it."""
    whole = resolved(root, schema)
    kinds = whole.get("type", "object" if "properties" in whole else "array" if "items" in whole else None)
    kind = next(one for one in kinds if one != "null") if isinstance(kinds, list) else kinds
    told = {key: whole[key] for key in KEYWORDS if key in whole and whole[key] is not None}
    told |= {
        "type": kind,
        "required": required or None,
        "enum": [one for one in whole.get("enum", []) if one is not None],
    }
    yield path, told
    if kind == "object":
        needed = whole.get("required", [])
        for name, below in whole.get("properties", {}).items():
            yield from facts(root, below, f"{path}/{name}", required=name in needed)
        for name in needed:
            if name not in whole.get("properties", {}):
                yield f"{path}/{name}", {"type": "phantom", "required": True}
    if kind == "array":
        yield from facts(root, whole["items"], f"{path}/*")


def differences(ours: Facts, theirs: Facts) -> Iterator[Difference]:
    """Every fact on which two descriptions do not agree; of a subtree that one of them lacks only the top."""
    for path in sorted({*ours, *theirs}):
        mine, other = ours.get(path), theirs.get(path)
        above = path.rpartition("/")[0]
        if mine is None or other is None:
            if above in ours and above in theirs:
                phantom = other is not None and other["type"] == "phantom"
                aspect = "gone" if phantom else "missing" if mine is None else "field"
                yield Difference(aspect, path, None, None)
            continue
        for keyword in KEYWORDS:
            if mine.get(keyword) != other.get(keyword):
                yield Difference(keyword, path, mine.get(keyword), other.get(keyword))
        for member in mine.get("enum", []):
            if member not in other.get("enum", []):
                yield Difference("enum", path, member, None)
        for member in other.get("enum", []):
            if member not in mine.get("enum", []):
                yield Difference("enum-missing", path, None, member)


def explains(deviation: Deviation, difference: Difference) -> bool:
    """Whether an entry of the list speaks of a difference."""
    same = type(deviation.ours) is type(difference.ours) and deviation.ours == difference.ours
    return deviation.aspect == difference.aspect and same and fnmatchcase(difference.path, deviation.pattern)


def shape_facts(shape: Shape, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and default of everything in the tree that the rest of the program walks."""
    match shape:
        case Record(_, fields):
            yield path, MISSING
            for name, field in fields.items():
                below = f"{path}/{name}"
                yield from (
                    (at, field.default if at == below else value) for at, value in shape_facts(field.shape, below)
                )
        case Listing(item):
            yield path, MISSING
            yield from shape_facts(item, f"{path}/*")
        case _:
            yield path, MISSING


def size_facts(size: InstanceSize) -> dict[str, Any]:
    """What the API says of an instance size; a flag that does not hold is left out, as the API does."""
    flags = {"single_instance_only": size.single_instance_only, "scalable": size.scalable}
    return {
        "name": size.name,
        "slug": size.slug,
        "cpu_type": "DEDICATED" if size.scalable else "SHARED",
        "cpus": str(size.cpus),
        "memory_bytes": str(int(size.memory_gib * 1024**3)),
        "usd_per_month": f"{size.price:.2f}",
        "tier_slug": size.tier,
        "bandwidth_allowance_gib": str(size.bandwidth_gib),
        **{name: True for name, holds in flags.items() if holds},
    }


def table_problems(examples: Mapping[str, Any]) -> Iterator[str]:
    """Where the table of what is offered differs from the examples of a description."""
    sizes = {size["slug"]: size for size in examples["instance_sizes"]["value"]["instance_sizes"]}
    offered = {slug: size_facts(size) for slug, size in SIZES.items() if not size.legacy}
    for slug in sorted({*sizes, *offered}):
        theirs = {name: value for name, value in sizes.get(slug, {}).items() if name != "usd_per_second"}
        if theirs != offered.get(slug):
            yield f"size {slug}: ours {offered.get(slug)}, theirs {theirs}"
    for region in examples["regions"]["value"]["regions"]:
        ours = REGIONS.get(region["slug"])
        if ours is None or set(ours.data_centers) != set(region["data_centers"]):
            yield f"region {region['slug']}: ours {ours}, theirs {region['data_centers']}"


def main(folder: Path) -> int:
    """Compare, print what is unexplained, and say how much was compared."""
    schema = spec_schema()
    ours = dict(facts(schema, schema))
    tree = dict(shape_facts(SPEC))
    problems = [f"the shape and the schema differ at {path}" for path in sorted({*tree} ^ {*ours})]
    problems += [
        f"the shape and the schema have different defaults at {path}"
        for path, default in tree.items()
        if default is not MISSING and ours[path].get("default") != default
    ]
    used: set[int] = set()
    named = 0
    for name in FILES:
        description = json.loads((folder / name).read_text(encoding="utf-8"))
        theirs = dict(facts(description, description["components"]["schemas"]["app_spec"]))
        found = list(differences(ours, theirs))
        for difference in found:
            reasons = [index for index, one in enumerate(DEVIATIONS) if explains(one, difference)]
            named += bool(reasons)
            used.update(reasons)
            if not reasons:
                problems.append(f"{name}: unexplained {difference}")
        problems += [f"{name}: {problem}" for problem in table_problems(description["components"]["examples"])]
        print(f"{name}: {len(theirs)} paths, {len(found)} differences")
    problems += [f"stale: {one}" for index, one in enumerate(DEVIATIONS) if index not in used]
    for problem in problems:
        print(problem)
    print(
        f"contract: {len(ours)} paths of ours held against {len(FILES)} files; {named} differences by "
        f"{len(DEVIATIONS)} entries, {len({one.reason[:9] for one in ERRATA})} errata; {len(problems)} problems"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
