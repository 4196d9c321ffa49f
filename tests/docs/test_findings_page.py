"""docs/findings.md has a section for every code, and each shows what the command prints today."""

import re
from pathlib import Path
from typing import Any

import pytest

from checks import finding_codes, finding_pages
from checks.finding_pages import PAGE, Entry, Example, entries
from reconciler import REPOSITORY
from reconciler.appspec.schema import spec_schema
from reconciler.desired.explain import _EXPLAINERS
from reconciler.rollout.model import OutcomeKind
from reconciler.views.sarif import help_page

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.yml"), ROOT / ".github/zizmor.yml"]


def sections() -> dict[str, str]:
    """The sections of the page as it is, by their headings."""
    parts = re.split(r"(?m)^### `([\w-]+)`$", TEXT)
    bodies = (re.split(r"(?m)^## ", body)[0].rstrip("\n") for body in parts[2::2])
    return {code: f"### `{code}`{body}\n" for code, body in zip(parts[1::2], bodies, strict=True)}


def texts_of(keyword: str) -> set[str]:
    """The fields of the published schema that have a keyword."""
    records = [spec_schema(), *spec_schema()["$defs"].values()]
    fields = [item for record in records for item in record.get("properties", {}).items()]
    return {name for name, field in fields if keyword in field}


def keywords(schema: dict[str, Any]) -> set[str]:
    """The keywords in a schema and all below it."""
    below = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", ())]
    below += [part for name in ("items", "additionalProperties") if isinstance(part := schema.get(name), dict)]
    return set(schema).union(*map(keywords, below))


COMPUTED = {
    "invalid-*": {
        f"invalid-{name.replace('_', '-')}"
        for keyword in ("pattern", "minLength", "maxLength")
        for name in texts_of(keyword)
    },
    "policy:*": {"policy:NAME"},
    "record.outcome.kind.value.replace('_', '-')": {
        kind.value.replace("_", "-") for kind in OutcomeKind if not kind.good
    },
    "why.code": {"overlay-no-match", "overlay-ambiguous", "overlay-invalid"},
    "code": {"config-value", "undeclared-variable", "no-such-path"},
    # an error that ends a run is shown like a finding, and is none: docs/commands.md has the kinds of errors
    "ended.type.replace('_', '-')": set(),
    "as_finding(ended)": set(),
    "_ended(error)": set(),
    "Interrupted('interrupted; nothing was being changed')": set(),
}
"""What the codes are that the source computes."""


@pytest.mark.parametrize("anchor", entries())
def test_a_section_is_current(anchor):
    """`python -m checks.finding_pages` writes the page."""
    assert sections().get(anchor, "") == finding_pages.section(entries()[anchor][1])


def test_the_index_is_current_and_the_page_has_no_other_section():
    assert finding_pages.assembled(sections()) == TEXT
    assert list(sections()) == list(entries())


def test_every_code_of_the_source_has_a_section_and_every_section_a_code():
    found = finding_codes.codes()
    assert set(COMPUTED) <= set(found), "nothing computes these codes any more"
    codes = set(found).difference(COMPUTED).union(*COMPUTED.values())
    assert codes == {entry.code for _, entry in entries().values()}


def test_every_code_in_a_snapshot_has_a_section():
    snapshots = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/__snapshots__/**/*.*")]
    printed = {
        code for text in snapshots for code in re.findall(r"(?m)(?:error|warning|notice): .* \[([^\]]+)\]$", text)
    }
    ruled = {code for text in snapshots for code in re.findall(r'"ruleId": "([^"]+)"', text)}
    assert printed
    assert printed | ruled <= {entry.code for _, entry in entries().values()}


def test_the_address_of_every_code_is_that_of_its_section():
    headings = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", TEXT)]
    assert len(headings) == len(set(headings)), "of two equal headings the second has another address"
    for anchor, (_, entry) in entries().items():
        assert help_page(entry.code) == f"{REPOSITORY}/blob/main/docs/findings.md#{anchor}"
        assert anchor in headings


def test_every_link_to_a_heading_leads_to_one():
    for target, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", TEXT):
        page = (PAGE.parent / target).read_text(encoding="utf-8") if target else TEXT
        titles = re.findall(r"(?m)^#+ (.*)$", page)
        assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


def test_the_documents_name_the_one_repository():
    owner = REPOSITORY.split("/")[-2]
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    named = {found for text in texts for found in re.findall(r"([\w.-]+)/reconciler(?=[@:/\s\"`]|$)", text)}
    assert named == {owner}


WEB = "name: web\nservices:\n- name: api\n  github: {repo: acme/web, branch: main}\n"


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (Example(spec=WEB), r"finds \[\]"),
        (Example(spec=f"{WEB}  instance_count: 0\n"), r"finds \['out-of-range'\]"),
        (Example(spec=f"{WEB}  http_port: x\n  region: fra\n"), r"finds \['type', 'unknown-field'\]"),
        (Example(spec=f"{WEB}  http_port: x\n", edits=[("port: x", "port: y")]), "the fix is none"),
        (Example(spec=f"{WEB}  http_port: x\n", edits=[("port: z", "port: 1")]), "no one place"),
        (Example(run="reconcile validate &"), "nothing comes after"),
        (Example(spec=WEB, run=["reconcile validate &", "rm specs/web.yaml"]), "never waited"),
        (Example(run="frobnicate"), "not understood"),
    ],
)
def test_an_example_that_shows_something_else_ends_the_generation(example, problem):
    entry = Entry(code="type", severity="error", means="A type is wrong.", fix="Correct it.", examples=[example])
    with pytest.raises(ValueError, match=problem):
        finding_pages.section(entry)


def test_a_severity_that_no_example_shows_ends_the_generation():
    example = Example(spec=f"{WEB}  http_port: x\n")
    entry = Entry(
        code="type", severity=["error", "notice"], means="A type is wrong.", fix="Correct it.", examples=[example]
    )
    with pytest.raises(ValueError, match="the examples show"):
        finding_pages.section(entry)


UNREACHED = ["changed-meanwhile", "too-many-findings", "schema", "diverged", "unconfirmed"]


def test_no_keyword_of_the_schema_ends_in_the_code_that_has_no_example():
    """What `schema` says in place of an example. The others take a race, or a platform that breaks its contract."""
    said = {"$schema", "$defs", "$ref", "title", "description", "default", "deprecated", "properties", "items", "anyOf"}
    assert keywords(spec_schema()) - said <= set(_EXPLAINERS)
    assert [anchor for anchor, (_, entry) in entries().items() if entry.unreached] == UNREACHED
