"""A real browser, where there is one: Debian's Chromium, driven by Playwright."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
DESK, PHONE = (1280, 860), (390, 844)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser that is closed afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()


class Reader:
    """A page as somebody opened it from a file: what it asked the network for, and what it complained of, is kept."""

    def __init__(self, browser: Any, file: Path, size: tuple[int, int] = DESK, scheme: str = "light") -> None:
        width, height = size
        self._context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self._context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda problem: self.complaints.append(str(problem)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(file.as_uri())
        self.page.locator(".plot svg").first.wait_for(state="attached")

    @property
    def fetched(self) -> list[str]:
        """What it asked for, but the file itself and what the file holds."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def becomes(self, script: str, seconds: float = 10) -> bool:
        """Whether ``script`` comes to be true. (Playwright's own way to wait needs eval, which the page forbids.)"""
        end = time.monotonic() + seconds
        while not self.page.evaluate(script):
            if time.monotonic() > end:
                return False
            self.page.wait_for_timeout(50)
        return True

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def style(self, selector: str, name: str) -> str:
        found = self.page.evaluate(
            "([s, n]) => getComputedStyle(document.querySelector(s)).getPropertyValue(n)", [selector, name]
        )
        return str(found)

    def close(self) -> None:
        self._context.close()
