"""Validate every real spec of a corpus, offline, and hold the findings against what is known of each.

    python checks/corpus_validate.py FOLDER [--codes]

FOLDER has ``index.tsv`` (columns NNN, expect, issues) and ``specs/NNN.yaml``. A spec that is to be accepted gets no
error. Of the others each issue that the index names needs a finding of the right code on a line that shows the
matter, or an entry in `FINE`. Nothing may crash. Exit 1 otherwise. ``--codes`` prints a table of the findings by code.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.config import Config
from reconciler.desired.load import load
from reconciler.desired.validate import validate_all
from reconciler.findings import Finding

EXPECTED = (
    (r"yaml-error:.*", "yaml", r""),
    (r"dup-key:(?P<key>\w+)", "duplicate-key", r"{key}:"),
    (r"unknown:(?:.*\.)?(?P<key>[\w-]+)$", "unknown-field", r"{key}:"),
    (r"type:.*value int for string", "unquoted", r"value: *\d"),
    (r"type:(?:.*\.)?(?P<key>\w+)(?:\[\])? .*", "type", r"{key}:|- "),
    (r"enum:.* (?P<key>\w+)", "unknown-value", r"{key}"),
    (r"sem:size slug (?P<key>(?!placeholder)\S+)", "unknown-value", r"{key}"),
    (r"sem:region (?P<key>[a-z]{3}\d)", "region", r"{key}"),
    (r"sem:region placeholder", "placeholder|unknown-value", r"region:"),
    (r"sem:size slug placeholder", "placeholder", r"instance_size_slug:"),
    (r"sem:domain placeholder", "invalid-domain", r"domain:"),
    (r"sem:(app|component) name (bad chars|placeholder)", "invalid-name", r"name:"),
    (r"sem:app name missing|sem:services item without name", "missing-field", r""),
    (r"sem:repo not owner/name.*", "bad-repository", r"repo:"),
    (r"sem:no source .*", "no-source", r"- "),
    (r"sem:several sources .*", "several-sources", r"image:|git"),
    (r"sem:DOCR with registry", "registry-with-docr", r"registry:"),
    (r"sem:duplicate env key .*", "duplicate-env", r"key:"),
    (r"sem:duplicate route path", "duplicate-route", r"path:"),
    (r"sem:routes and ingress both", "routes-and-ingress", r"routes:"),
    (r"sem:autoscaling \+ instance_count", "autoscaling-and-count", r"instance_count:"),
    (r"sem:component alert rule .*", "alert-level", r"rule:"),
    (r"sem:production db without cluster_name", "no-cluster-name", r"production:"),
    (r"sem:catchall\+error document", "catchall-and-error", r"error_document:"),
    (r"sem:bindable to unknown component", "unknown-bindable", r"\$\{{"),
    (r"note:SECRET with plain/placeholder value", "plaintext-secret|not-substituted", r":"),
)
"""Issue, the code that tells of it, and what the line it points to must show."""

FINE = (
    (r"note:env value (empty string|null)", "an empty variable is allowed"),
    (r"note:database without engine", "the engine has a default"),
    (r"note:dockerfile\+environment_slug", "allowed: the Dockerfile is what is built"),
)
"""Issues that need no finding, and why."""

FINE_IN = {
    (
        "note:SECRET with plain/placeholder value",
        "053 055 117 283",
    ): "the values only refer to databases and components",
}
"""Issues that need no finding in certain specs, and why."""


def missed(number: str, issue: str, findings: Sequence[Finding], lines: Sequence[str]) -> str:
    """Why an issue counts as not told; empty where it is told or fine."""
    here = any(issue == one and number in numbers.split() for one, numbers in FINE_IN)
    if here or any(re.fullmatch(pattern, issue) for pattern, _ in FINE):
        return ""
    for pattern, code, shows in EXPECTED:
        match = re.fullmatch(pattern, issue)
        if not match:
            continue
        wanted = re.compile(shows.format(**match.groupdict()))
        told = [finding for finding in findings if re.fullmatch(code, finding.code) and finding.location]
        places = [finding.location.line for finding in told if finding.location]
        if any(0 < line <= len(lines) and wanted.search(lines[line - 1]) for line in places):
            return ""
        return f"{issue}: no {code} on a line that shows {wanted.pattern!r}; found on lines {places}"
    return f"{issue}: neither expected nor fine"


def issues(text: str) -> list[str]:
    """The issues of a row; several duplicate keys become one each."""
    out: list[str] = []
    for issue in filter(None, text.split(";")):
        head, _, rest = issue.partition(":")
        out += [f"{head}:{key}" for key in rest.split(",")] if head == "dup-key" else [issue]
    return out


def by_code(counts: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """A table of findings: code and severity, and how many specs of each kind are told so how often."""
    kinds = ("accept", "judge", "reject")
    yield "| code | severity | " + " | ".join(kinds) + " |"
    yield "| --- | --- | --: | --: | --: |"
    for code, severity in sorted({(code, severity) for code, severity, _ in counts}):
        yield f"| {code} | {severity} | " + " | ".join(str(counts[code, severity, kind]) for kind in kinds) + " |"


def main(folder: Path, *, codes: bool) -> int:
    """Validate all, print counts and what is wrong."""
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    problems: list[str] = []
    counts: Counter[tuple[str, str]] = Counter()
    of_codes: Counter[tuple[str, str, str]] = Counter()
    told = 0
    for row in rows:
        path = folder / "specs" / f"{row['NNN']}.yaml"
        loaded = load([path], config=Config(), environ={})
        findings = (*loaded.findings, *validate_all(loaded.apps))
        of_codes.update((one.code, one.severity.value, row["expect"]) for one in findings)
        worst = min((finding.severity for finding in findings), key=lambda one: one.rank, default=None)
        counts[row["expect"], worst.value if worst else "no findings"] += 1
        if row["expect"] == "accept":
            problems += [f"{row['NNN']}: {one.location}: {one.code}: {one.message}" for one in findings if one.is_error]
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        for issue in issues(row["issues"] or ""):
            why = missed(row["NNN"], issue, findings, lines)
            problems += [f"{row['NNN']}: {why}"] if why else []
            told += not why
        if row["expect"] != "accept" and not findings:
            problems.append(f"{row['NNN']}: {row['expect']}, and nothing is told")
    for (expect, worst_one), count in sorted(counts.items()):
        print(f"{expect:8} {worst_one:12} {count:4}")
    for line in by_code(of_codes) if codes else ():
        print(line)
    for problem in problems:
        print(problem)
    print(f"corpus: {len(rows)} specs, {told} known issues told or fine, {len(problems)} problems, no crash")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), codes="--codes" in sys.argv))
