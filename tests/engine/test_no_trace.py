"""C66, C68: what a run prints does not depend on its secrets, however short or common they are.

The same commands run with other secrets in every field that may hold one: all they print is the same to the byte. So
nothing shows a secret, nothing gives a short one away by masking it elsewhere, and no document breaks.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.redaction import Redactor, is_unmistakable
from reconciler.views import annotations, json_documents, json_rollout, lines, markdown, markdown_rollout, sarif, text
from tests.engine.test_secrets import FEW, FORMATS, PLACES, Shop, by_variables, shop, spec_with
from tests.views import samples

WORDS = (
    "true", "null", "8081", "abc", "web", "api", "e", "a", "0", "secret", "name", "version", "services", "1.27", "ams",
    '"', "}", "```", "</summary>", "::error::x", "update", "deploy", "in sync", "kind", "level", "{", "\\n", "'", "1,",
)  # fmt: skip
PLACE_COUNT = PLACES + 2

plain = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="$"), min_size=1, max_size=6)
long = st.text(st.sampled_from("abcXYZ0189-_/+=\"'<&é\n"), min_size=20, max_size=40).filter(
    lambda text: is_unmistakable(text) and text.strip() == text
)
secrets = st.sampled_from(WORDS) | plain | long
places = st.lists(secrets, min_size=PLACE_COUNT, max_size=PLACE_COUNT)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
_TOOK = re.compile(r"\b\d+(?:\.\d+)?m?s\b|\d+m \d\ds")
_AT = re.compile(r'("(?:at|began|ended|seconds)": )[\d.]+')
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def comparable(text: str) -> str:
    """The text without what differs from run to run: moments, durations, ids, digests of ids, folders."""
    for pattern, name in ((_MOMENT, "MOMENT"), (_TOOK, "TOOK"), (_ID, "ID")):
        text = pattern.sub(name, text)
    text = re.sub(_AT, r"\1 0", text)
    text = re.sub(r'("live_digest": )"[0-9a-f]{64}"', r'\1"DIGEST"', text)
    return re.sub(r"/\S+/(?=sandbox\.db|specs|plan\.json)", "", re.sub(r"[ \t]+", " ", text))


def spec(values: list[str], **more: Any) -> dict[str, Any]:
    """A spec with a secret in every field that may hold one, in a clone URL and in fields that no model knows."""
    out = spec_with(values, **more)
    login = values[10].encode().hex()
    out["workers"] = [
        {
            "name": "jobs",
            "git": {"repo_clone_url": f"https://bot:{login}@git.example.com/a/b.git", "branch": "main"},
            "mesh_token": values[11],
        }
    ]
    return out


def outputs(values: list[str], more: str) -> list[tuple[str, str]]:
    """What a fixed course of commands prints and writes."""
    with shop(values[:PLACES]) as found:
        found.configure({"health": {"soak": "0s", "probe": {"path": "/", "headers": {"x-probe": "p-" + more}}}})
        write(by_variables(spec(values, public=False)))
        everything(found, apply=True)
        write(spec(values, level="debug"))
        everything(found, apply=False)
        write(spec([f"{value}x" for value in values], level="debug", tag="2"))
        found.online("--plan", "--verbose", "--format", "markdown", "--show-live-values")
        broken = spec(values, tag="3")
        broken["services"][0]["image"]["registry_credentials"] = {values[0]: [values[1]]}
        broken["services"][0]["envs"][0]["value"] = [values[1]]
        broken["ingress"]["secure_header"]["value"] = {"a": values[7]}
        write(broken)
        for name in FORMATS:
            found.run("validate", "--format", name)
        return [(what, comparable(text)) for what, text in found.heard]


def write(spec: dict[str, Any]) -> None:
    """As JSON, which is YAML: each value on one line, so that places do not depend on it either."""
    Path("specs/web.yaml").write_text(json.dumps(spec, indent=1, ensure_ascii=False), encoding="utf-8")


def everything(found: Shop, *, apply: bool) -> None:
    for name in FORMATS:
        found.run("validate", "--format", name)
        found.online("--plan", "--verbose", "--format", name)
        found.online("--drift", "--verbose", "--format", name)
    assert found.online("--plan", "--save", "plan.json", "--rotate", "web/ONE") == 0
    found.hear("the saved plan", Path("plan.json").read_text())
    if apply:
        assert found.online("--expect", "plan.json", "--rotate", "web/ONE", "--format", "json") == 0
    found.online("--rotate", "web/TYPO", "--format", "json")
    found.online("status", "--format", "json")


@cache
def baseline() -> list[tuple[str, str]]:
    return outputs([f"b4s3-L1ne-{number:02}" for number in range(PLACE_COUNT)], "other")


@settings(FEW, max_examples=2, phases=[Phase.explicit, Phase.generate])
@given(places, plain)
@example([*WORDS[:PLACE_COUNT]], "true")
@example([*WORDS[PLACE_COUNT : 2 * PLACE_COUNT]], "0")
def test_c66_what_is_printed_is_the_same_whatever_the_secrets_are(values, probe):
    probe = re.sub(r"[^\x21-\x7e]", "", probe)
    for (what, told), (_, expected) in zip(outputs(values, probe), baseline(), strict=True):
        assert told == expected, what
        check_parses(what, told)


UNRELATED = ["f7-Qx9Zk2Lm", "bot:Zq8-Rt5Wv1Yb", "postgres://u:Hj4_Kp7Ns3Df@h/x"]
"""Secrets that no sample has."""


@settings(max_examples=40, deadline=None)
@given(samples.hostile_plans, samples.hostile_rollouts, samples.hostile_findings)
def test_c66_what_has_no_secret_is_the_same_to_the_byte_with_redaction_and_without(plan, rollout, found):
    within = Redactor(UNRELATED).within
    for view in (text.plan, markdown.plan, json_documents.plan):
        assert view(within(plan)) == view(plan)
    for view in (text.rollout, markdown_rollout.rollout, json_rollout.rollout):
        assert view(within(rollout)) == view(rollout)
    for view in (lines.findings, markdown.findings, json_documents.findings, sarif.sarif, annotations.annotations):
        assert view(within(found)) == view(found)


def check_parses(what: str, text: str) -> None:
    if "--format json" in what or "--format sarif" in what:
        begin = text.index("{")
        assert isinstance(json.JSONDecoder().raw_decode(text[begin:])[0], dict), what
    elif "--format markdown" in what:
        assert MarkdownIt("commonmark").parse(text), what
    elif "--format github" in what:
        assert "::warning " in text or "validate" not in what
