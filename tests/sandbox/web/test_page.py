"""The page at /: what people see of the apps, as HTML and in a real browser where one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.web.page import PER_PAGE
from tests.sandbox.lab import Lab, built, web
from tests.sandbox.serving import Served

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<script>alert('x')</script>\"&"
VOID = ("meta", "link", "br", "img", "input", "hr")


class Reader(HTMLParser):
    """The text of each article, by the heading's words; tags; and whether all are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.articles: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "article":
            self.articles.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "article" in self.open:
            self.articles[-1].append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page(lab: Lab, path: str = "/") -> Reader:
    answer = lab.call("GET", path, token=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return Reader(answer.text)


def test_the_page_shows_each_app_with_its_status_and_last_deployments(lab: Lab) -> None:
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
    found = page(lab)
    assert [(words[0], words[1]) for words in found.articles] == [
        ("shop", "last deployment failed"),
        ("held", "pinned"),
        ("ill", "unhealthy"),
        ("never", "not running"),
        ("fresh", "deploying"),
    ]
    assert found.articles[0][2:] == [
        *("open", "Deployment", "Phase", "Cause", "When"),
        *(lab.get(f"/v2/apps/{shop['id']}/deployments")["deployments"][0]["id"][:8], "ERROR", "app spec updated"),
        *("Your build job failed because it returned a non-zero exit code.", "1 h ago"),
        *(shop["active_deployment"]["id"][:8], "ACTIVE", "initial deployment", "1 h ago"),
    ]
    assert found.articles[4][-3:] == ["PENDING_BUILD", "initial deployment", "0 s ago"]
    assert "pinned" in found.articles[1][2:]
    links = [attrs["href"] for attrs in found.named("a")]
    assert links == [f"http://sandbox/_live/{app['id']}" for app in lab.get("/v2/apps")["apps"] if "live_url" in app]
    assert fresh["id"] not in str(links)
    lab.wait()
    assert [words[1] for words in page(lab).articles][-1] == "running"


def test_the_page_reloads_itself_and_takes_nothing_from_elsewhere(lab: Lab) -> None:
    lab.create()
    found = page(lab)
    assert {"http-equiv": "refresh", "content": "5"} in found.named("meta")
    assert not found.named("script") + found.named("link") + found.named("img")
    policy = lab.call("GET", "/", token=None).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_nothing_that_others_wrote_becomes_markup(lab: Lab) -> None:
    spec = built("shop")
    spec["services"][0]["github"]["repo"] = HOSTILE
    lab.create(spec)
    lab.sandbox.fail("shop", "build", message=HOSTILE)
    lab.sandbox.push("shop")
    lab.wait()
    found = page(lab)
    assert not found.named("script")
    (words,) = found.articles
    assert HOSTILE in words
    assert any(word.endswith(f"pushed to github.com/{HOSTILE}/tree/main") for word in words)


def test_an_empty_sandbox_says_how_to_begin_and_waiting_faults_are_counted(lab: Lab) -> None:
    lab.sandbox.fail("web", "build")
    text = lab.call("GET", "/", token=None).text
    assert "0 apps · 1 fault waiting" in text
    assert "reconcile --sandbox" in text


def test_many_apps_come_in_pages() -> None:
    lab = Lab(Settings(speed=Speed.instant()))
    for number in range(PER_PAGE + 1):
        lab.create(web(f"app-{number}"), settled=False)
    first, last = page(lab), page(lab, "/?page=2")
    assert (len(first.articles), len(last.articles)) == (PER_PAGE, 1)
    assert first.named("a")[-1]["href"] == "?page=2"
    assert last.named("a")[-1]["href"] == "?page=1"
    for odd in ("0", "99", "x", "-1", "9" * 50):
        assert page(lab, f"/?page={odd}").articles
    lab.close()


if CHROMIUM.exists() and find_spec("playwright"):
    from playwright.sync_api import Page, sync_playwright

    @pytest.fixture
    def browser() -> Iterator[Page]:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield chromium.new_page()
            chromium.close()

    def test_a_browser_shows_the_page_and_reloads_it(browser: Page, served: Served) -> None:
        import httpx

        said: list[str] = []
        browser.on("console", lambda message: said.append(message.text))
        browser.on("pageerror", lambda error: said.append(str(error)))
        with httpx.Client(base_url=served.url, headers={"authorization": "Bearer t"}) as client:
            app = client.post("/v2/apps", json={"spec": web("shop")}).json()["app"]
            browser.goto(served.url)
            assert browser.title() == "Sandbox: 1 app"
            article = browser.locator("article")
            assert article.locator("h2").inner_text() == "shop"
            assert article.locator(".badge").inner_text() == "deploying"
            served.sleep(1000)
            article.get_by_role("link", name="open").wait_for(timeout=10_000)  # there once the page reloaded itself
            assert article.locator(".badge").inner_text() == "running"
            assert article.locator("td.phase").inner_text() == "ACTIVE"
            browser.set_viewport_size({"width": 320, "height": 800})
            assert browser.evaluate("document.documentElement.scrollWidth") <= 320
            assert said == []
            article.get_by_role("link", name="open").click()
            assert browser.inner_text("body").startswith("shop ")
            assert app["id"] in browser.url
