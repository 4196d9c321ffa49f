"""The page at /: what people see of the apps, as HTML."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from reconciler.sandbox import Fault, Settings, Speed
from reconciler.sandbox.http.control import HEADER
from reconciler.sandbox.web.buttons import sentence
from reconciler.sandbox.web.view import PER_PAGE
from tests.sandbox.lab import Lab, Tree, built, web

HOSTILE = "<script>alert('x')</script>\"&\u202e"
SHOWN = HOSTILE.replace("\u202e", "\ufffd")
VOID = ("meta", "link", "br", "img", "input", "hr")


class Reader(HTMLParser):
    """The words of each app and of the page; its tags; and whether all are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.apps: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.inlined: dict[str, str] = {}
        self._app: list[str] = []
        self._lanes: list[tuple[str, list[str]]] = []
        self._lane: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        name, kind = str(dict(attrs).get("id", "")), str(dict(attrs).get("class", "")).partition(" ")[0]
        if kind == "app":
            self._app = self.apps.setdefault(name, [])
        elif kind == "lane":
            self._lane = []
            self._lanes.append(([*self.apps][-1], self._lane))
        elif kind == "more":
            self._lane = []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        said = " ".join(data.split())
        if self.open[-1:] in (["style"], ["script"]):
            self.inlined[self.open[-1]] = data
        elif said and "svg" not in self.open:
            for words in (self.words, *((self._app, self._lane) if "li" in self.open else ())):
                words.append(said)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [attrs for attrs in self.named("button") if "data-request" in attrs]

    def lanes(self, app: Tree) -> list[str]:
        """The lanes of an app in words, without the bars, which have them as well."""
        return [" | ".join(words) for app_id, words in self._lanes if app_id == app["id"]]


def read(lab: Lab, path: str = "/") -> Reader:
    answer = lab.call("GET", path, token=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.isascii()
    return Reader(answer.text)


def words(lab: Lab, app: Tree, path: str = "/") -> str:
    return " | ".join(read(lab, path).apps[app["id"]])


def test_the_page_shows_each_app_with_its_state_and_why(lab: Lab) -> None:
    shop = lab.create(built("shop"))
    lab.sandbox.fail("shop", "build")
    lab.update(shop, built("shop"))
    held = lab.create(web("held"))
    lab.post(f"/v2/apps/{held['id']}/rollback", {"deployment_id": held["active_deployment"]["id"]})
    lab.sandbox.fail("ill", "health")
    lab.create(web("ill"))
    lab.sandbox.fail("never", "deploy")
    lab.create(web("never"))
    fresh = lab.create(web("fresh"), settled=False)
    found = read(lab)
    assert [said[:6] for said in found.apps.values()] == [
        ["✗", "last deployment failed", "shop", BUILD_FAILED, "1 h ago", "next deployment:"],
        ["!", "pinned", "held", "manual rollback", "33 min ago", "next deployment:"],
        ["✗", "unhealthy", "ill", "initial deployment", "33 min ago", "next deployment:"],
        ["✗", "not running", "never", DEPLOY_FAILED, "16 min ago", "next deployment:"],
        ["▸", "deploying", "fresh", "pending build: initial deployment", "just now", "next deployment:"],
    ]
    links = [attrs["href"] for attrs in found.named("a") if "_live" in str(attrs["href"])]
    assert links == [f"http://sandbox/_live/{app['id']}" for app in lab.get("/v2/apps")["apps"] if "live_url" in app]
    assert fresh["id"] not in str(links)
    lab.wait()
    assert read(lab).apps[fresh["id"]][:3] == ["✓", "running", "fresh"]


BUILD_FAILED = "Your build job failed because it returned a non-zero exit code."
DEPLOY_FAILED = "Your deploy failed because your container did not respond to health checks."


def test_a_timeline_shows_what_each_deployment_went_through_and_how_it_ended(lab: Lab) -> None:
    shop = lab.create(web("shop"))
    lab.sandbox.fail("shop", "health")
    lab.update(shop, web("shop", tag="2"))
    bad, first = lab.get(f"/v2/apps/{shop['id']}/deployments")["deployments"]
    lab.post(f"/v2/apps/{shop['id']}/rollback", {"deployment_id": first["id"]})
    lab.wait(20)
    back, *_ = lab.get(f"/v2/apps/{shop['id']}/deployments")["deployments"]
    assert read(lab).apps[shop["id"]][:5] == ["!", "pinned", "▸", "deploying", "shop"]
    brief = "pending 5.0s, build 2.0s, pending 5.0s"
    going, broken, former = read(lab).lanes(shop)
    assert going == (
        f"rollback | {back['id'][:8]} | {brief}, deploy 8.0s | ▸ | deploying | manual rollback, just now | ! | pinned"
    )
    assert broken == (
        f"deploy | {bad['id'][:8]} | {brief}, deploy 1m 00s, active 15m 00s | ✓ | active"
        " | app spec updated, 17 min ago | ✗ | unhealthy | unhealthy: api"
    )
    assert former == (
        f"deploy | {first['id'][:8]} | {brief}, deploy 1m 00s, active 16m 00s | · | superseded"
        " | initial deployment, 33 min ago"
    )
    lab.wait()
    lanes = read(lab).lanes(shop)
    assert lanes[0].endswith("✓ | active | manual rollback, 17 min ago | ! | pinned")
    assert lanes[1].endswith("· | superseded | app spec updated, 33 min ago | became unhealthy: api")


def test_what_stops_early_hangs_or_takes_no_time_has_its_timeline_too(lab: Lab) -> None:
    shop = lab.create(built("shop"))
    lab.sandbox.fault(Fault("hang", app="shop", phase="BUILDING"))
    pushed = lab.sandbox.push("shop")["deployment_id"]
    lab.wait(100)
    assert "| ▸ | building |" in read(lab).lanes(shop)[0]
    lab.post(f"/v2/apps/{shop['id']}/deployments/{pushed}/cancel")
    assert "pending 5.0s, build 1m 35s | ! | canceled |" in read(lab).lanes(shop)[0]
    lab.sandbox.push("shop")
    lab.post(f"/v2/apps/{shop['id']}/restart")
    assert "| · | superseded |" in read(lab).lanes(shop)[1]
    lab.sandbox.configure(speed="instant")
    lab.sandbox.push("shop")
    lab.wait(0.5)
    assert "| active 0.5s | ✓ | active |" in read(lab).lanes(shop)[0]


def test_a_failed_deployment_has_its_failing_step_and_its_log(lab: Lab) -> None:
    shop = lab.create(built("shop"), settled=False)
    lab.sandbox.fail("shop", "build")
    lab.update(shop, built("shop"))
    said = words(lab, shop)
    assert "build | Building service api | ✗ | error | 1m 00s | deploy | initialize | · | pending" in said
    assert "api: error: build step exited with status 1" in said
    assert "type | DEPLOY_ON_PUSH" not in said
    assert f"api: {BUILD_FAILED}" in said


def test_the_platforms_own_rollback_restores_what_was_active(lab: Lab) -> None:
    shop = lab.create(web("shop"))
    lab.sandbox.fail("shop", "deploy")
    lab.update(shop, web("shop", tag="2"))
    own, failed, _ = read(lab).lanes(shop)
    assert own.startswith("platform | ")
    assert "automated rollback after failed deployment of" in own
    assert failed.endswith(f"✗ | error | app spec updated, 16 min ago | api: {DEPLOY_FAILED}")
    assert f"restores | {shop['active_deployment']['id']}" in words(lab, shop)


def test_without_scripts_the_page_reloads_itself_and_shows_no_button(lab: Lab) -> None:
    lab.create()
    found = read(lab)
    place = found.tags.index(("meta", {"http-equiv": "refresh", "content": "5"}))
    assert found.tags[place - 1] == ("noscript", {})
    assert ".control { display: none }" in found.inlined["style"]
    assert {"display: flex"} <= {
        rule.strip(" {}") for rule in found.inlined["style"].split(".live .control")[1].split("\n")
    }


def test_nothing_but_its_own_script_runs_and_nothing_is_loaded_from_elsewhere(lab: Lab) -> None:
    lab.create()
    found = read(lab)
    headers = lab.call("GET", "/", token=None).headers
    hashes = {tag: b64encode(sha256(text.encode()).digest()).decode() for tag, text in found.inlined.items()}
    policy = (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'; connect-src 'self'"
    )
    assert headers["content-security-policy"] == f"{policy}; frame-ancestors 'none'"
    assert {"http-equiv": "Content-Security-Policy", "content": policy} in found.named("meta")
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert not found.named("link") + found.named("img") + found.named("form")
    assert len(found.named("script")) == 1
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") or name == "style" for name in attrs)]


def test_nothing_that_others_wrote_becomes_markup(lab: Lab) -> None:
    spec = built("shop")
    spec["services"][0]["github"]["repo"] = HOSTILE
    shop = lab.create(spec)
    lab.sandbox.fail("shop", "build", message=HOSTILE)
    lab.sandbox.fail("shop", "deploy", component=HOSTILE, times=2)
    lab.sandbox.fail(HOSTILE, "deploy")
    lab.sandbox.push("shop")
    lab.wait()
    found = read(lab)
    assert len(found.named("script")) == 1
    said = found.apps[shop["id"]]
    assert f"api: {SHOWN}" in said
    assert any(f"pushed to github.com/{SHOWN}/tree/main" in word for word in said)
    assert f"each of the next 2 deployments fails in its deploy ({SHOWN})" in said
    assert f"{SHOWN}: the next deployment fails in its deploy" in found.words


def test_an_empty_sandbox_says_how_to_begin(lab: Lab) -> None:
    found = read(lab)
    assert "0 apps" in found.words
    assert "reconcile apply --sandbox" in found.words


FAULTS = [
    (Fault("build"), "the next deployment fails in its build"),
    (Fault("health", times=3), "each of the next 3 deployments fails its health checks"),
    (Fault("platform", times=None), "every deployment fails by a fault of the platform"),
    (Fault("hang", phase="BUILDING"), "the next deployment hangs in BUILDING"),
    (Fault("slow", factor=2.5), "the next deployment takes 2.5 times as long"),
    (Fault("deploy", only="rollback"), "the next rollback fails in its deploy"),
    (
        Fault("deploy", only="platform", component="api"),
        "the next rollback of the platform's own fails in its deploy (api)",
    ),
    (Fault("rate_limit", operation="apps_update", times=2), "rate_limit of apps_update 2 times"),
    (Fault("latency", times=None, seconds=2), "latency every time"),
]


@pytest.mark.parametrize(("fault", "text"), FAULTS)
def test_a_fault_that_waits_is_a_sentence_until_it_struck(lab: Lab, fault: Fault, text: str) -> None:
    lab.sandbox.fault(fault)
    (waiting,) = lab.sandbox.faults()
    assert sentence(waiting) == text
    found = read(lab)
    assert f"any app: {text}" in found.words
    assert "1 fault waiting" in found.words


def test_every_button_is_a_request_that_the_control_api_accepts(lab: Lab) -> None:
    """As the page's script sends it: with the header, as JSON, without a token."""
    app = lab.create(built("shop"))
    buttons = read(lab).buttons
    assert [one["data-request"] for one in buttons] == [
        *("POST advance", "POST advance", "POST settle", "DELETE faults"),
        *["POST faults"] * 7,
        "POST push",
    ]
    for button in buttons[4:]:
        assert "shop" in button["aria-label"]
    waiting = []
    for button in buttons:
        method, name = button["data-request"].split()
        body = json.loads(button["data-body"])
        answer = lab.call(method, f"/_sandbox/{name}", token=None, json=body, headers={HEADER: "page"})
        assert answer.status_code == 200, answer.text
        if name == "faults" and method == "POST":
            waiting.append(sentence(answer.json() | {"remaining": 1}))
            assert button["data-said"].startswith(
                ("The next deployment of shop will ", "The next rollback of shop will ")
            )
    assert waiting[:2] == ["the next deployment fails in its build", "the next deployment fails in its deploy"]
    assert waiting[-1] == "the next rollback fails in its deploy"
    assert len(lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]) == 2


def test_where_the_controls_would_be_refused_there_are_no_buttons(lab: Lab) -> None:
    lab.create()
    answer = lab.call("GET", "/", token=None, headers={"host": "sandbox.example.com"})
    assert Reader(answer.text).buttons == []
    assert "Open the page at an address or a local name" in answer.text


def test_what_changes_is_asked_for_alone_and_only_sent_when_it_did(lab: Lab) -> None:
    shop = lab.create(built("shop"))
    first = lab.call("GET", "/_page", token=None)
    assert Reader(first.text).apps == read(lab).apps
    asked = {"if-none-match": first.headers["etag"]}
    lab.wait(1)
    again = lab.call("GET", "/_page", token=None, headers=asked)
    assert (again.status_code, again.text) == (304, "")
    assert again.headers["x-sandbox-now"] > first.headers["x-sandbox-now"]
    lab.sandbox.push("shop")
    changed = lab.call("GET", "/_page", token=None, headers=asked)
    assert changed.status_code == 200
    assert Reader(changed.text).apps[shop["id"]][1] == "deploying"
    assert changed.headers["content-security-policy"] == first.headers["content-security-policy"]


def test_many_apps_come_in_pages_and_show_the_deployments_of_those_that_are_opened() -> None:
    lab = Lab(Settings(speed=Speed.instant()))
    for number in range(PER_PAGE + 1):
        lab.create(web(f"app-{number}"), settled=False)
    lab.wait(1)
    first, last = read(lab), read(lab, "/?page=2")
    assert (len(first.apps), len(last.apps)) == (PER_PAGE, 1)
    assert (first.named("a")[-1]["href"], last.named("a")[-1]["href"]) == ("?page=2", "?page=1")
    for odd in ("0", "99", "x", "-1", "9" * 50):
        assert read(lab, f"/?page={odd}").apps
    one, two, *_ = first.apps
    assert not first.named("ol")
    assert f"?page=1&open={one}#{one}" in [attrs["href"] for attrs in first.named("a")]
    opened = read(lab, f"/?page=1&open={one},{two},nothing")
    assert len(opened.named("ol")) == 2
    assert len([attrs for attrs in opened.named("details") if "open" in attrs]) == 2
    lab.close()


def test_few_apps_are_open_until_they_are_closed(lab: Lab) -> None:
    app, other = lab.create(web("one")), lab.create(web("two"))
    assert len(read(lab).named("ol")) == 2
    assert len(read(lab, f"/_page?closed={app['id']}&open={other['id']}").named("ol")) == 1


def test_settling_moves_the_clock_until_nothing_is_under_way(lab: Lab) -> None:
    lab.sandbox.fault(Fault("deploy", app="web"))
    app = lab.create(web(), settled=False)
    lab.sandbox.fault(Fault("hang", app="slow"))
    slow = lab.create(web("slow"), settled=False)
    assert lab.sandbox.settle()["seconds"] == pytest.approx(72 + 10, abs=0.1)
    assert words(lab, app).startswith("✗ | not running | web")
    assert words(lab, slow).startswith("▸ | deploying | slow")
    assert lab.sandbox.settle() == {"seconds": 0.0}


def test_settling_waits_for_the_platforms_own_rollback_too(lab: Lab) -> None:
    app = lab.create(web())
    lab.sandbox.fail("web", "deploy")
    lab.update(app, web(tag="2"), settled=False)
    assert lab.sandbox.settle()["seconds"] == pytest.approx(72 + 45 + 72 + 10, abs=0.1)
    assert [item["phase"] for item in lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]] == [
        *("ACTIVE", "ERROR", "SUPERSEDED")
    ]


def test_without_its_package_the_page_says_what_to_install(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.sandbox.web import page

    page._templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    answer = lab.call("GET", "/", token=None)
    assert (answer.status_code, answer.text) == (501, "The page needs jinja2: pip install '.[sandbox]'\n")
    assert lab.get("/v2/apps")["apps"] == []


def test_a_sandbox_costs_nothing_of_its_page_until_that_is_asked_for() -> None:
    code = (
        "import sys; from reconciler.sandbox import Sandbox; from reconciler.sandbox.server import make_server; "
        "box = Sandbox(); box.summary(); "
        "print([name for name in sys.modules if name.split('.')[0] == 'jinja2' or name.startswith(('reconciler.html', "
        "'reconciler.sandbox.web.page', 'reconciler.sandbox.web.view', 'reconciler.sandbox.web.buttons'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
