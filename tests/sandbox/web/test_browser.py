"""The page in a real browser, where one is installed: by keyboard, live, without scripts, from another origin."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.sandbox import Settings, Speed
from tests.sandbox.lab import Tree, built, web
from tests.sandbox.serving import Served, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

pytest.importorskip("playwright")
from playwright.sync_api import expect


def create(served: Served, spec: Tree) -> Tree:
    answer = httpx.post(f"{served.url}/v2/apps", json={"spec": spec}, headers={"authorization": "Bearer t"})
    app: Tree = answer.raise_for_status().json()["app"]
    return app


def press(page: Page, name: str) -> None:
    """Press a button by keyboard: found by its name, focused, and Enter."""
    button = page.get_by_role("button", name=name)
    button.focus()
    page.keyboard.press("Enter")


def position(part: Locator) -> float:
    """How far below the top of the window it is."""
    box = part.bounding_box()
    assert box
    return box["y"]


def test_the_page_follows_the_clock_and_keeps_what_its_reader_does(page: Page, served: Served) -> None:
    for name in ("one", "two", "three"):
        create(served, built(name))
    page.set_viewport_size({"width": 900, "height": 500})
    page.goto(served.url)
    article = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="three"))
    expect(article.locator(".states")).to_have_text("▸deploying")
    article.locator("summary").first.scroll_into_view_if_needed()
    page.get_by_role("button", name="push a commit").last.focus()
    page.get_by_role("heading", name="two").click()  # closes it
    first = page.get_by_role("list", name="Deployments of one")  # at the top of the window
    before = position(first)
    press(page, "until quiet")
    expect(page.locator("#said")).to_contain_text("Nothing is under way any more; the clock moved by")
    expect(article.locator(".states")).to_have_text("✓running")
    press(page, "+10 min")
    expect(page.locator("#said")).to_have_text("The clock moved by 10 min.")
    expect(article.locator(".when")).to_have_text("13 min ago")
    assert position(first) == pytest.approx(before, abs=2), "what a reader looks at stays where it is"
    assert page.evaluate("document.activeElement.textContent") == "+10 min"
    expect(page.get_by_role("list", name="Deployments of two")).to_have_count(0)
    page.get_by_role("heading", name="two").click()
    expect(page.get_by_role("list", name="Deployments of two")).to_be_visible()
    page.get_by_role("button", name="push a commit").last.press("Space")
    expect(page.locator("#said")).to_contain_text("three deploys the pushed commit: ")
    press(page, "clear faults")
    expect(page.locator("#said")).to_have_text("No fault is waiting any more.")


def test_a_deleted_app_leaves_the_page_and_what_is_refused_is_said(context: BrowserContext, served: Served) -> None:
    page = context.new_page()  # whose console says what was refused, too
    one, _ = create(served, web("one")), create(served, web("two"))
    page.goto(served.url)
    expect(page.get_by_role("heading", name="two")).to_be_visible()
    page.evaluate('document.querySelector(\'[data-request="POST push"]\').dataset.body = \'{"app": "none"}\'')
    page.route("**/_page*", lambda route: route.fulfill(status=304))
    page.get_by_role("button", name="push a commit").first.click()
    expect(page.locator("#said.bad")).to_have_text("no such app: 'none'")
    page.unroute("**/_page*")
    httpx.delete(f"{served.url}/v2/apps/{one['id']}", headers={"authorization": "Bearer t"})
    expect(page.get_by_role("heading", name="one", exact=True)).to_have_count(0)
    assert page.title() == "Sandbox: 1 app"


def test_a_sandbox_that_is_gone_is_said(context: BrowserContext) -> None:
    page = context.new_page()
    with serving() as served:
        page.goto(served.url)
        expect(page.locator("#connection")).to_have_text("live")
    expect(page.locator("#connection")).to_have_text("not connected: is the sandbox still served?")
    page.get_by_role("button", name="+1 min").click()
    expect(page.locator("#said")).to_have_text("The sandbox does not answer.")


def test_without_scripts_the_page_shows_the_same_and_no_buttons(
    chromium: Browser, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.sandbox.web.page.REFRESH", 1)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    create(served, web("shop"))
    page.goto(served.url)
    assert page.get_by_role("list", name="Deployments of shop").is_visible()
    assert page.locator("button:visible").count() == 0
    served.sleep(1000)
    expect(page.locator(".states")).to_have_text("✓running", timeout=15_000)  # once it has reloaded itself
    page.get_by_role("link", name="open shop").click()
    assert page.inner_text("body").startswith("shop ")
    context.close()


HOSTILE_PAGE = """<!doctype html><title>elsewhere</title><iframe src="{0}"></iframe><script>
const send = (options) => fetch("{0}/_sandbox/reset", {{method: "POST", body: "{{}}", ...options}}).then(
  () => "sent", () => "blocked");
const own = {{"x-sandbox-control": "1", "content-type": "application/json"}};
const tries = () => Promise.all(
  [send({{headers: own}}), send({{headers: own, mode: "no-cors"}}), send({{mode: "no-cors"}})]);
</script>"""


def test_a_page_of_another_origin_can_neither_press_the_buttons_nor_frame_them(
    context: BrowserContext, served: Served
) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(HOSTILE_PAGE.format(served.url).encode())

        def log_message(self, *_: Any) -> None:
            pass

    create(served, web("shop"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever).start()
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        assert page.evaluate("tries()")[0] == "blocked"
        assert "shop" not in str([frame.content() for frame in page.frames[1:]])
        assert len(served.sandbox.state()["apps"]) == 1
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 400)])
def test_the_page_is_accessible_and_fits(chromium: Browser, served: Served, scheme: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    served.sandbox.fail("ill", "health")
    served.sandbox.fail("broken", "build")
    for spec in (web("ill"), built("broken"), web("shop")):
        create(served, spec)
    served.sleep(1000)
    served.sandbox.push("broken")
    served.sandbox.fail("shop", "deploy")
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(served.url)
    page.get_by_text("steps and log").first.click()
    press(page, "+1 min")
    expect(page.locator("#said")).to_have_text("The clock moved by 1 min.")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


async def create_many(served: Served, number: int) -> None:
    """Create apps within the process, which is quicker."""
    transport, headers = httpx.ASGITransport(served.sandbox.asgi), {"authorization": "Bearer t"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        for each in range(number):
            await client.post("/v2/apps", json={"spec": web(f"app-{each}")})


def test_a_thousand_apps_are_there_within_two_seconds(page: Page) -> None:
    with serving(Settings(speed=Speed.instant(), seed=1)) as served:
        thread = threading.Thread(target=lambda: asyncio.run(create_many(served, 1000)))  # this one has a loop
        thread.start()
        thread.join()
        page.goto(f"{served.url}/?page=7")
        expect(page.locator("#connection")).to_have_text("live")
        took = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        assert took < 2000
        assert page.locator(".app").count() == 100
        page.get_by_role("heading", name="app-642").click()
        expect(page.get_by_role("list", name="Deployments of app-642")).to_be_visible()
        page.get_by_role("link", name="later").click()
        expect(page.get_by_role("heading", name="app-700")).to_be_visible()
