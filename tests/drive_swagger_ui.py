"""Use the page `/docs` in Chromium as a person does: log in, and read the account.

It prints the URL of each request, each error, and the response. It needs playwright, which
`requirements.lock` does not have. With tenants, CLIENT is the name of an organisation.

Usage: drive_swagger_ui.py CHROMIUM URL EMAIL PASSWORD SCREENSHOT [CLIENT]
"""

import sys

from playwright.sync_api import Page, expect, sync_playwright

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def main(
    chromium: str, url: str, email: str, password: str, screenshot: str, client: str = ""
) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", NO_NETWORK]
        with playwright.chromium.launch(executable_path=chromium, args=arguments) as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 1600})
            page.on("request", lambda request: print("request", request.url[:200]))
            page.on("pageerror", lambda error: print("error", error))
            page.on("console", lambda message: print(message.type, message.text))
            page.goto(f"{url}/docs")
            log_in(page, email, password, client)
            print("answer", read_account(page))
            page.screenshot(path=screenshot)


def log_in(page: Page, email: str, password: str, client: str) -> None:
    page.locator(".scheme-container .authorize").click()
    page.locator("#oauth_username").fill(email)
    page.locator("#oauth_password").fill(password)
    if client:
        page.locator("#client_id_password").fill(client)
    page.locator(".auth-btn-wrapper .authorize").click()
    # Without the token, the next request would be refused.
    expect(page.locator(".auth-btn-wrapper")).to_contain_text("Logout")
    page.locator(".auth-btn-wrapper .btn-done").click()


def read_account(page: Page) -> str:
    operation = page.locator(".opblock-get", has=page.locator('[data-path="/users/me"]'))
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    operation.locator(".execute").click()
    answer = operation.locator(".live-responses-table tbody")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    operation.scroll_into_view_if_needed()
    return " ".join(answer.inner_text().split())


if __name__ == "__main__":
    main(*sys.argv[1:])
