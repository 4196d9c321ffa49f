"""C64, C65: credentials where none belong are findings, and no plan shows them; nor a comment what only live has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.appspec.secrets import credential, has_login
from reconciler.plan.model import Action, Change, ChangeKind, Plan, PlanReport, SyncStatus
from reconciler.plan.warnings import hide_live_values
from reconciler.views import json_documents, markdown, text
from tests.support.account import World, service, web

LOGIN = "https://bot:pw1@git.example.com/acme/web.git"
OPEN = "https://git.example.com/acme/web.git"
HEX = "0123456789abcdef" * 4


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def cloned(url: str) -> dict[str, Any]:
    spec = web()
    spec["workers"] = [{"name": "jobs", "git": {"repo_clone_url": url, "branch": "main"}}]
    return spec


def shown(report: PlanReport) -> str:
    return "\n".join([text.plan(report, verbose=True), markdown.plan(report), json_documents.plan(report)])


@pytest.mark.parametrize(
    "url", [LOGIN, "https://ghp_0123456789abcdefghij@github.com/acme/web", "https://u:x@h.example.com/y"]
)
def test_c64_a_login_in_a_clone_url_is_a_finding_and_shown_by_no_plan(world: World, url: str) -> None:
    login = url.partition("://")[2].partition("@")[0]
    world.write(cloned(url))
    new = world.plan()
    assert [finding.code for finding in new.findings] == ["clone-url-login"]
    world.apply()
    world.write(cloned(OPEN))
    removed = world.plan()
    assert [change.sensitive for change in removed.plans[0].changes] == [True]
    world.edit(lambda spec: spec["workers"][0]["git"].update(repo_clone_url=OPEN))
    world.write(cloned(url))
    added = world.plan(show_live_values=True)
    for report in (new, removed, added):
        assert login not in shown(report)
        assert "(secret)" in shown(report)


def test_c64_a_password_that_changes_is_a_change_and_no_part_of_a_digest(world: World) -> None:
    world.write(cloned(LOGIN))
    world.apply()
    (before,) = world.plan().plans
    world.write(cloned(LOGIN.replace("pw1", "pw2")))
    (after,) = world.plan().plans
    assert [change.human_path for change in after.changes] == ["workers/jobs/git/repo_clone_url"]
    assert after.desired_digest == before.desired_digest


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (LOGIN, True),
        (OPEN, False),
        ("https://git@git.example.com/x", False),
        ("https://x-access-token@github.com/x", False),
        ("https://${USER}:${PASSWORD}@git.example.com/x", False),
        ("https://bot:${PASSWORD}x@git.example.com/x", True),
        ("git@github.com:acme/web.git", False),
        (None, False),
        (7, False),
    ],
)
def test_c64_only_what_can_be_a_password_is_a_login(url: object, secret: bool) -> None:
    assert has_login(url) is secret


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("ANY", f"dop_v1_{HEX}", "a DigitalOcean token"),
        ("ANY", "ghp_" + "aB3" * 12, "a GitHub token"),
        ("ANY", "github_pat_" + "aB3" * 12, "a GitHub token"),
        ("ANY", "glpat-" + "aB3-" * 5, "a GitLab token"),
        ("ANY", "AKIA" + "Q7" * 8, "an AWS key"),
        ("ANY", "AIza" + "aB3-_" * 7, "a Google API key"),
        ("ANY", "xoxb-1234567890-abc", "a Slack token"),
        ("ANY", "https://hooks.slack.com/services/T0A/B0A/" + "aB3" * 8, "a Slack token"),
        ("ANY", "sk_live_" + "aB3" * 8, "a Stripe key"),
        ("ANY", f"SG.{'aB3-' * 6}.{'aB3_' * 11}", "a SendGrid key"),
        ("ANY", "sk-proj-" + "aB3" * 12, "an API key"),
        ("ANY", "npm_" + "aB3" * 12, "a registry token"),
        ("ANY", "1234567890:AA" + "aB3" * 11, "a bot token"),
        ("ANY", f"eyJ{'aB3' * 6}.eyJ{'aB3' * 6}.{'aB3' * 6}", "a JSON web token"),
        ("ANY", "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
        ("run_command", f"serve --token dop_v1_{HEX}", "a DigitalOcean token"),
        ("DATABASE_URL", "postgres://ada:s3cr3t@db.acme.io/x", "an address with a credential"),
        ("DATABASE_URL", "postgres://ada:a${X}b7@db.acme.io/x", "an address with a credential"),
        ("HOOK", "https://acme.io/hook?token=a1b2c3d4e5", "an address with a credential"),
        ("API_TOKEN", "a1b2c3d4", "a credential by its name"),
        ("stripeSecret", "a1b2c3d4", "a credential by its name"),
        ("PGPASSWORD", "12345678", "a credential by its name"),
        ("DB_PASS", "tr0ub4dor", "a credential by its name"),
        ("DJANGO_SECRET_KEY", "b4 c5 d6 e7", "a credential by its name"),
        ("ENCRYPTION_KEY_BASE64", "c2VjcmV0c2VjcmV0", "a credential by its name"),
    ],
)
def test_c65_what_looks_like_a_credential_is_recognised(name: str, value: str, what: str) -> None:
    assert credential(name, value) == what


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "${API_TOKEN}"),
        ("API_TOKEN", "${db.PASSWORD}${x.Y}"),
        ("API_TOKEN", "EV[1:abcd:efgh]"),
        ("API_TOKEN", "changeme"),
        ("API_TOKEN", "your-token-here"),
        ("API_TOKEN", "<REPLACE_ME>"),
        ("API_TOKEN", "{{SECRET:API_TOKEN}}"),
        ("API_TOKEN", "true"),
        ("API_TOKEN", ""),
        ("API_TOKEN", None),
        ("API_TOKEN", 12345678),
        ("API_TOKEN", "OTHER_TOKEN"),
        ("API_TOKEN", "https://auth.acme.io/token"),
        ("TOKEN_FILE", "/run/secrets/token"),
        ("DB_PASSWORD", "/run/secrets/password"),
        ("TOKEN_LIFETIME", "86400 seconds"),
        ("PASSWORD_MIN_LENGTH", "12345678"),
        ("NEXT_PUBLIC_API_TOKEN", "a1b2c3d4"),
        ("VITE_FIREBASE_API_KEY", "AIza" + "aB3-_" * 7),
        ("AWS_KEY", "AKIAIOSFODNN7EXAMPLE"),
        ("SENTRY_DSN", "https://0123456789abcdef@o1.ingest.sentry.io/2"),
        ("DATABASE_URL", "postgres://ada:${db.PASSWORD}@db.acme.io/x"),
        ("DATABASE_URL", "postgresql://user:password@db.acme.io/x"),
        ("DATABASE_URL", "postgresql://ada:s3cr3t@localhost/x"),
        ("COMMIT", HEX[:40]),
        ("ID", "2a94d264-6fd7-4b60-a542-986cf1e9c6da"),
    ],
)
def test_c65_references_placeholders_and_what_is_public_are_no_credentials(name: str, value: object) -> None:
    assert not credential(name, value)


def test_c65_a_plain_value_that_looks_like_a_credential_is_a_finding_and_hidden(world: World) -> None:
    value = "a1b2c3d4e5f6"
    world.write(web(envs=[{"key": "STRIPE_SECRET", "value": value}], run_command=f"x --key=sk_live_{value * 2}"))
    report = world.plan()
    codes = [finding.code for finding in report.findings]
    assert codes == ["looks-like-credential"] * 2
    assert value not in shown(report)
    assert value in shown(world.plan(show_live_values=True))


def test_c65_what_only_live_has_stays_out_of_what_is_published(world: World) -> None:
    world.write(web(envs=[{"key": "NAME", "value": "ours"}], run_command="serve", instance_count=1))
    world.apply()

    def edit(spec: dict[str, Any]) -> None:
        api = service(spec)
        api.update(run_command="serve --pin 8842", instance_count=3, brand_new="n3w")
        api["envs"] = [{"key": "NAME", "value": "theirs"}, {"key": "PIN", "value": "4711"}]
        spec["workers"] = [{"name": "more", "image": api["image"], "envs": [{"key": "DEEP", "value": "d33p"}]}]

    world.edit(edit)
    report = world.plan()
    for value in ("8842", "theirs", "4711", "n3w", "d33p"):
        assert value in markdown.plan(report)
        assert value not in markdown.plan(hide_live_values(report))
    published = markdown.plan(hide_live_values(report))
    for value in ("ours", "serve", "3 → 1", "nginx"):
        assert value in published
    assert "3 → 1" not in markdown.plan(hide_live_values(report, all_values=True))


@pytest.mark.parametrize("kept", [{"region": "ams"}, {}])
def test_c65_hiding_changes_nothing_where_git_and_live_agree(world: World, kept: dict[str, str]) -> None:
    world.write(web() | kept)
    world.apply()
    report = world.plan()
    assert hide_live_values(report) == report


def test_c65_every_text_within_a_field_that_no_model_knows_is_hidden() -> None:
    path = ("services", "api", "brand_new")
    changes = (
        Change(path, ChangeKind.REMOVED, before=["x", {"a": "y"}, 1, None]),
        Change(("services", "api", "cors", "allow_methods"), ChangeKind.CHANGED, before=["GET"], after=["PUT"]),
    )
    plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=changes)
    (hidden,) = hide_live_values(PlanReport((plan,))).plans
    assert [change.before for change in hidden.changes] == [["(live)", {"a": "(live)"}, 1, None], ["GET"]]


def test_c65_a_reason_that_quotes_a_live_value_is_told_without_it_to_a_fork() -> None:
    changes = (Change(("region",), ChangeKind.CHANGED, "fra", "nyc"),)
    plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.REFUSE, reason="would move from fra to nyc", changes=changes)
    (hidden,) = hide_live_values(PlanReport((plan,)), all_values=True).plans
    assert (hidden.reason, hidden.changes[0].before) == ("would move from (live) to nyc", "(live)")
