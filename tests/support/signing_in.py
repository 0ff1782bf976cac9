"""A superuser of a running product, signed in with a browser."""

from __future__ import annotations

from tests.support.browser import Browser
from tests.support.stack import Stack

PASSWORD = "correct horse"


def sign_in(stack: Stack, page: Browser, home: str = "") -> str:
    """Sign in with the form, at the server's own address or at *home*; return the admin's URL."""
    if stack.rows("SELECT count(*) FROM auth_user") == [(0,)]:
        options = ("--noinput", "--username=admin", "--email=admin@example.org")
        stack.run("createsuperuser", *options, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    admin = f"{home}admin/" if home else admin_of(stack)
    page.open(admin)
    page.evaluate(
        f"document.querySelector('[name=username]').value = 'admin';"
        f"document.querySelector('[name=password]').value = '{PASSWORD}';"
        "document.querySelector('form').submit()"
    )
    page.wait_for("document.body?.innerText.includes('Block reports')")
    return admin


def admin_of(stack: Stack) -> str:
    """Return the URL of the admin."""
    return f"http://127.0.0.1:{stack.port}/admin/"


def is_signed_in(stack: Stack, page: Browser) -> bool:
    """Tell whether a page has the cookie of a signed-in user."""
    cookies = page.call("Network.getCookies", urls=[admin_of(stack)])["cookies"]
    return any(cookie["name"].startswith("sessionid") for cookie in cookies)
