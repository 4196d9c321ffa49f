"""Who Git wants to be notified of alerts: the policy's keys, held against the spec, with URLs from variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config_file import read_config
from reconciler.desired.alerts import DesiredAlert
from reconciler.engine.load import Desired, RunOptions, check
from reconciler.errors import InvalidInput
from reconciler.findings import Severity

HOOK = "https://hooks.slack.com/services/T00000000/B00000000/h2Nt3rXq9vLkWz81"
CPU = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "window": "TEN_MINUTES"}
IMAGE = {"image": {"registry_type": "DOCKER_HUB", "registry": "acme", "repository": "api", "tag": "1"}}
SPEC = {
    "name": "web",
    "alerts": [{"rule": "DEPLOYMENT_FAILED"}, {"rule": "DOMAIN_FAILED"}],
    "services": [{"name": "api", "alerts": [CPU | {"value": 80}, CPU | {"value": 95.5}], **IMAGE}],
    "workers": [{"name": "bg", "alerts": [CPU | {"value": 80}], **IMAGE}],
}
OPS, CTO = {"emails": ["ops@example.com"]}, {"emails": ["cto@example.com"]}


def loaded(
    folder: Path, config: Mapping[str, Any] | str, environ: Mapping[str, str] = {}, *, offline: bool = False
) -> Desired:
    (folder / "web.yaml").write_text(yaml.safe_dump(SPEC))
    text = config if isinstance(config, str) else yaml.safe_dump(dict(config), sort_keys=False)
    (folder / "reconcile.yaml").write_text(text)
    return check(RunOptions((folder,), environ=environ), offline=offline)


def alerts(folder: Path, own: Mapping[str, Any], defaults: Mapping[str, Any] = {}) -> dict[str, list[str]]:
    found = loaded(folder, {"defaults": {"alerts": dict(defaults)}, "apps": {"web": {"alerts": dict(own)}}})
    assert [one for one in found.findings if one.is_error] == []
    return {alert.key: list(alert.emails) for alert in found.alerts.get("web", ())}


def problems(found: Desired) -> list[tuple[str, int, str, str]]:
    """Code, line, message and hint of each finding about destinations."""
    codes = ("unknown-alert", "invalid-webhook", "unset-variable", "undeclared-variable")
    return [
        (one.code, one.location.line if one.location else 0, one.message, one.hint)
        for one in found.findings
        if one.code in codes
    ]


def test_c28_a_key_names_the_alerts_of_a_rule_of_one_component(tmp_path: Path) -> None:
    own = {"DEPLOYMENT_FAILED": OPS, "api/CPU_UTILIZATION": OPS, "bg/CPU_UTILIZATION": CTO}
    assert alerts(tmp_path, own) == {
        "DEPLOYMENT_FAILED": ["ops@example.com"],
        "api/CPU_UTILIZATION/GREATER_THAN/80/TEN_MINUTES": ["ops@example.com"],
        "api/CPU_UTILIZATION/GREATER_THAN/95.5/TEN_MINUTES": ["ops@example.com"],
        "bg/CPU_UTILIZATION": ["cto@example.com"],
    }


def test_a_key_with_a_threshold_takes_precedence_for_its_own_alert(tmp_path: Path) -> None:
    own = {"api/CPU_UTILIZATION": OPS, "api/CPU_UTILIZATION/GREATER_THAN/80.0/TEN_MINUTES": CTO}
    assert alerts(tmp_path, own) == {
        "api/CPU_UTILIZATION/GREATER_THAN/80/TEN_MINUTES": ["cto@example.com"],
        "api/CPU_UTILIZATION/GREATER_THAN/95.5/TEN_MINUTES": ["ops@example.com"],
    }


def test_an_apps_own_keys_are_merged_over_the_defaults_which_are_for_whoever_has_the_rule(tmp_path: Path) -> None:
    defaults = {"DEPLOYMENT_FAILED": OPS, "DOMAIN_FAILED": OPS, "DEPLOYMENT_LIVE": OPS, "cron/RESTART_COUNT": OPS}
    own = {"DEPLOYMENT_FAILED": CTO, "DOMAIN_FAILED": None}
    assert alerts(tmp_path, own, defaults) == {"DEPLOYMENT_FAILED": ["cto@example.com"]}


def test_the_secrets_are_the_url_and_its_path(tmp_path: Path) -> None:
    hooks = [{"channel": "#ops", "url": "${HOOK}"}, {"channel": "#dev", "url": "https://hooks.slack.com/${HALF}"}]
    config = {"variables": ["HOOK", "HALF"], "apps": {"web": {"alerts": {"DOMAIN_FAILED": {"slack_webhooks": hooks}}}}}
    found = loaded(tmp_path, config, {"HOOK": HOOK, "HALF": "services/T0/B0/aR4nd0mP4rt"})
    (alert,) = found.alerts["web"]
    assert [hook.url for hook in alert.webhooks] == [HOOK, "https://hooks.slack.com/services/T0/B0/aR4nd0mP4rt"]
    assert {HOOK, HOOK.partition(".com/")[2], "services/T0/B0/aR4nd0mP4rt"} <= found.secrets
    assert "h2Nt3r" not in repr(found)
    assert isinstance(alert, DesiredAlert)


CONFIG = """\
variables: [HOOK]
defaults:
  alerts:
    DEPLOYMENT_FAILD: {emails: [ops@example.com]}
apps:
  web:
    alerts:
      DEPLOYMENT_FAILED:
        slack_webhooks:
          - {channel: "#ops", url: "${HOOK}"}
          - {channel: "#dev", url: "${HOKO}"}
      api/CPU_UTILISATION: {emails: [ops@example.com]}
      cron/RESTART_COUNT: {emails: [ops@example.com]}
"""


def test_what_fits_no_alert_and_what_has_no_url_is_found_with_its_place(tmp_path: Path) -> None:
    found = problems(loaded(tmp_path, CONFIG, {"HOOK": ""}))
    listed = (
        "DEPLOYMENT_FAILED, DOMAIN_FAILED, api/CPU_UTILIZATION/GREATER_THAN/80/TEN_MINUTES, "
        "api/CPU_UTILIZATION/GREATER_THAN/95.5/TEN_MINUTES, bg/CPU_UTILIZATION"
    )
    assert sorted(found, key=lambda one: one[1]) == [
        ("unknown-alert", 4, "no such alert rule: DEPLOYMENT_FAILD", "did you mean DEPLOYMENT_FAILED?"),
        (
            "unset-variable",
            10,
            "variable HOOK is not set",
            "set HOOK in the environment; pipelines often pass a missing secret as an empty string",
        ),
        ("undeclared-variable", 11, "no such variable: HOKO", "did you mean HOOK?"),
        (
            "unknown-alert",
            12,
            "web has no alert api/CPU_UTILISATION",
            "did you mean api/CPU_UTILIZATION?",
        ),
        (
            "unknown-alert",
            13,
            "web has no alert cron/RESTART_COUNT",
            f"add it to `alerts` of the app or the component in its spec; its alerts: {listed}",
        ),
    ]


@pytest.mark.parametrize("value", ["http://hooks.slack.com/x", "hooks.slack.com/x", "https:///x", "https://[x", "x y"])
def test_a_url_that_is_not_https_is_an_error_that_does_not_quote_it(tmp_path: Path, value: str) -> None:
    config = {
        "variables": ["HOOK"],
        "apps": {"web": {"alerts": {"DOMAIN_FAILED": {"slack_webhooks": [{"channel": "#ops", "url": "${HOOK}"}]}}}},
    }
    ((code, _, message, _),) = problems(loaded(tmp_path, config, {"HOOK": value}))
    assert (code, message) == ("invalid-webhook", "the webhook of #ops is not an https URL")


def test_offline_a_url_may_be_missing_but_not_be_undeclared(tmp_path: Path) -> None:
    found = [(code, line) for code, line, _, _ in problems(loaded(tmp_path, CONFIG, offline=True))]
    assert [one for one in found if "variable" in one[0]] == [("undeclared-variable", 11)]
    fine = CONFIG.replace("HOKO", "HOOK").replace("FAILD", "FAILED").replace("ISATION", "IZATION")
    fine = "\n".join(line for line in fine.splitlines() if "cron" not in line)
    assert problems(loaded(tmp_path, fine, offline=True)) == []


WRONG = {
    "deployment failed: {emails: [a@b.co]}": "deployment failed: 'deployment failed' is not an alert",
    "api/cpu: {emails: [a@b.co]}": "api/cpu: 'api/cpu' is not an alert",
    "X: {emails: [nobody]}": "emails[1]: 'nobody' is not an e-mail address",
    "X: {emails: ['a b@c.co']}": "emails[1]: 'a b@c.co' is not an e-mail address",
    "X: {emails: [a@b.co, A@b.co]}": "emails: a@b.co is listed twice",
    "X: {}": "X: names neither emails nor slack_webhooks",
    "X: {email: []}": "unknown key 'email'",
    "X: {slack_webhooks: [{channel: '#ops'}]}": "missing key 'url'",
    "X: {slack_webhooks: [{channel: ' ', url: '${U}'}]}": "channel: not a channel",
    "X: {slack_webhooks: [{channel: '#ops', url: 'https://hooks.slack.com/s3cr3t'}]}": (
        "url: the URL of a webhook is a credential"
    ),
    "X: {slack_webhooks: [{channel: a, url: '${U}'}, {channel: a, url: '${U}'}]}": (
        "slack_webhooks: a is listed twice with the same URL"
    ),
}


@pytest.mark.parametrize("written", WRONG)
@pytest.mark.parametrize("section", ["defaults", "apps: {web", "environments: {prod: {apps: {web"])
def test_what_can_never_be_meant_is_an_error_in_its_line(tmp_path: Path, section: str, written: str) -> None:
    file = tmp_path / "reconcile.yaml"
    inside = f"{{{written}}}"
    closing = "}" * section.count("{")
    file.write_text(f"guards: {{}}\n{section}: {{alerts: {inside}}}{closing}\n")
    with pytest.raises(InvalidInput) as caught:
        read_config(file)
    found = [(one.message, one.location.line if one.location else 0) for one in caught.value.findings]
    assert (WRONG[written], 2) in found
    assert "s3cr3t" not in repr(caught.value.findings)
    assert {one.severity for one in caught.value.findings} == {Severity.ERROR}
