"""Open each page of a site in Chromium without a network, on a wide and on a narrow screen.

It prints each request to another host, each error, and each page that is wider than its screen. It keeps
a picture of each page. It needs playwright, which `requirements.lock` does not have.
Usage: drive_site.py CHROMIUM URL DIRECTORY PAGE...
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, Request, sync_playwright

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
SCREENS = {"wide": (1280, 900), "narrow": (390, 800)}


def main(chromium: str, url: str, directory: str, *names: str) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", NO_NETWORK]
        with playwright.chromium.launch(executable_path=chromium, args=arguments) as browser:
            page = browser.new_page()
            page.on("request", lambda request: tell_other_host(url, request))
            page.on("pageerror", lambda error: print(page.url, error))
            page.on("console", lambda message: print(page.url, message.type, message.text))
            for screen, (width, height) in SCREENS.items():
                page.set_viewport_size({"width": width, "height": height})
                for name in names:
                    page.goto(f"{url}/{name}/".replace("/./", "/"))
                    tell_overflow(page, width)
                    page.screenshot(path=Path(directory, name, f"{screen}.png"), full_page=True)


def tell_other_host(url: str, request: Request) -> None:
    if not request.url.startswith((f"{url}/", "data:", "blob:")):
        print("request", request.url[:200])


def tell_overflow(page: Page, width: int) -> None:
    """Print the page if it is wider than the screen. A table may scroll inside of itself."""
    found = page.evaluate("document.documentElement.scrollWidth")
    if found > width:
        print(f"{page.url} needs {found} of {width} pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
