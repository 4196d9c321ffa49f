"""Pages in a real browser, where one is installed: search, filter, keyboard, speed, accessibility, no request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from reconciler.plan.model import PlanReport
from reconciler.rollout.model import RolloutReport
from reconciler.views.html import pages
from reconciler.views.html.model import Fleet
from tests.views import samples
from tests.views.html.pagesupport import ABOUT, PAST

CHROMIUM = Path("/usr/bin/chromium")
FEW = pages.fleet(
    [
        Fleet(
            PlanReport((samples.WEB, samples.SITE)),
            RolloutReport((samples.ROLLED_BACK, samples.PINNED_BADLY, samples.APPLIED, samples.UNCHANGED), 9, 243.2),
        )
    ],
    replace(ABOUT, title="reconcile apply"),
)
PLANNED = pages.fleet([Fleet(samples.PLAN, histories={"web": PAST})], replace(ABOUT, freeze="frozen (sale)"))


def many() -> str:
    """The page of a thousand apps, which takes a while to write."""
    return pages.fleet(
        [
            Fleet(
                PlanReport(
                    (
                        *(replace(samples.WEB, app=f"web-{number:04d}", file=f"{number}") for number in range(100)),
                        *(replace(samples.SITE, app=f"site-{number:04d}") for number in range(890)),
                        *(replace(samples.QUEUE, app=f"queue-{number}") for number in range(10)),
                    )
                ),
                histories={f"site-{number:04d}": PAST for number in range(890)},
            )
        ],
        ABOUT,
    )


if CHROMIUM.exists() and find_spec("playwright"):
    from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

    @pytest.fixture(scope="module")
    def chromium() -> Iterator[Browser]:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield browser
            browser.close()

    class Seen:
        """A page that is shown, what its console said, and which addresses it asked for."""

        def __init__(self, page: Page, file: Path) -> None:
            self.page, self.file = page, file
            self.said: list[str] = []
            self.asked: list[str] = []
            page.on("console", lambda message: self.said.append(message.text))
            page.on("pageerror", lambda error: self.said.append(str(error)))
            page.on("request", lambda request: self.asked.append(request.url))

        def show(self, text: str) -> Page:
            self.file.write_text(text, encoding="ascii")
            self.page.goto(self.file.as_uri())
            return self.page

        @property
        def names(self) -> list[str]:
            return [name.strip() for name in self.page.locator(".app:visible h3").all_inner_texts()]

    def busy(session: CDPSession) -> float:
        """How long the page's thread has worked so far, in seconds."""
        found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"])

    @pytest.fixture(params=["light", "dark"])
    def scheme(request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def seen(chromium: Browser, tmp_path: Path) -> Iterator[Seen]:
        """Afterwards: nothing was said on the console, and nothing was asked for but the file."""
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        shown = Seen(page, tmp_path / "report.html")
        yield shown
        page.close()
        assert shown.said == []
        assert set(shown.asked) <= {shown.file.as_uri()}

    def test_apps_are_filtered_by_state_and_searched_by_name(seen: Seen) -> None:
        page = seen.show(FEW)
        assert seen.names == ["billing", "api", "site", "web"]
        expect(page.get_by_role("status")).to_have_text("4 apps")
        page.get_by_role("button", name="rolled back").click()
        assert seen.names == ["api"]
        expect(page.get_by_role("status")).to_have_text("1 of 4 apps")
        page.get_by_role("button", name="in sync").click()
        assert seen.names == ["api", "site"]
        page.get_by_role("searchbox").fill("SI")
        assert seen.names == ["site"]
        page.get_by_role("searchbox").fill("nothing")
        assert page.get_by_text("No app fits this filter.").is_visible()
        page.get_by_role("button", name="Clear").click()
        assert len(seen.names) == 4

    def test_an_app_opens_to_its_timeline_and_the_log_of_what_failed(seen: Seen) -> None:
        page = seen.show(FEW)
        api = page.locator(".app", has=page.locator("h3", has_text="api"))
        assert not api.get_by_text("deploy 35s").first.is_visible()
        api.locator("summary").first.click()
        lanes = api.get_by_role("list", name="Timeline of api").get_by_role("listitem")
        assert [lane.locator("b").inner_text() for lane in lanes.all()] == ["deploy", "rollback", "commit"]
        bars = lanes.nth(0).locator(".bar")
        first, second = (bars.nth(number).bounding_box() for number in (0, 1))
        assert first is not None
        assert second is not None
        assert first["x"] + first["width"] == pytest.approx(second["x"], abs=1)
        assert second["width"] / first["width"] == pytest.approx(139 / 40, rel=0.05)
        log = api.get_by_role("region", name="Last 4 lines of its log")
        assert not log.is_visible()
        api.get_by_text("Last 4 lines of its log").click()
        assert log.inner_text().split("\n")[:2] == ["listening on :8080", "panic: no such table: users"]

    def test_everything_can_be_done_with_the_keyboard(seen: Seen) -> None:
        page = seen.show(FEW)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the apps"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("bill")
        assert seen.names == ["billing"]
        page.keyboard.press("Escape")
        assert len(seen.names) == 4
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        assert seen.names == ["billing"]
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        page.keyboard.press("Enter")
        assert page.get_by_text("A person is needed.").is_visible()

    def test_a_link_to_an_app_opens_it_even_if_it_is_filtered_out(seen: Seen) -> None:
        alike = [replace(samples.WEB, app=name, app_id="", file="") for name in ("a", "b")]
        page = seen.show(pages.fleet([Fleet(PlanReport(tuple(alike)))], ABOUT))
        page.get_by_role("searchbox").fill("b")
        page.locator(".app:visible summary").click()
        page.get_by_role("link", name="a", exact=True).click()
        assert page.get_by_text("The same in 1 other app: b").is_visible()

    def test_a_thousand_apps_are_there_within_two_seconds_and_are_filtered_at_once(seen: Seen) -> None:
        """Seconds of the page's own thread: how long it takes by the clock depends on what else the machine does."""
        session = seen.page.context.new_cdp_session(seen.page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page = seen.show(many())
        expect(page.locator("#count")).to_have_text("1,000 apps")
        loaded = busy(session)
        assert loaded < 2
        page.locator("#filters button[data-state=stalled]").click()
        expect(page.locator("#count")).to_have_text("10 of 1,000 apps")
        page.locator("#clear").click()
        expect(page.locator("#count")).to_have_text("1,000 apps")
        page.locator("#search").fill("site-0777")
        expect(page.locator("#count")).to_have_text("1 of 1,000 apps")
        assert busy(session) - loaded < 1.5
        assert seen.names == ["site-0777"]

    @pytest.mark.parametrize("width", [400, 1400])
    @pytest.mark.parametrize("text", [FEW, PLANNED], ids=["apply", "plan"])
    def test_nothing_is_wider_than_the_window_even_with_everything_open(seen: Seen, width: int, text: str) -> None:
        seen.page.set_viewport_size({"width": width, "height": 800})
        page = seen.show(text)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_on_paper_everything_is_unfolded_and_nothing_is_there_to_click(seen: Seen) -> None:
        page = seen.show(FEW)
        page.emulate_media(media="print")
        assert not page.locator("#filters").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.get_by_text("panic: no such table: users").is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0

    def test_without_a_script_everything_can_be_read(chromium: Browser, tmp_path: Path) -> None:
        page = chromium.new_page(java_script_enabled=False)
        (tmp_path / "report.html").write_text(FEW)
        page.goto((tmp_path / "report.html").as_uri())
        assert page.locator(".app:visible").count() == 4
        assert not page.locator("#filters").is_visible()
        page.locator(".app summary").first.click()
        assert page.get_by_text("A person is needed.").is_visible()
        page.close()

    if find_spec("axe_playwright_python"):
        from axe_playwright_python.sync_playwright import Axe

        @pytest.mark.parametrize("text", [FEW, PLANNED], ids=["apply", "plan"])
        def test_axe_finds_nothing_serious(seen: Seen, scheme: str, text: str) -> None:
            seen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
            page = seen.show(text)
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            found = Axe().run(page).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
