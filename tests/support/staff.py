"""A superuser of a running product who requests pages without a browser."""

from __future__ import annotations

import re
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.support.signing_in import PASSWORD
from tests.support.stack import PATIENCE_SECONDS, Stack


class Staff:
    """A signed-in account of *stack*."""

    def __init__(self, stack: Stack, root: str = "") -> None:
        """Sign in; *root* is the path of the page, without a slash at its beginning."""
        options = ("--noinput", "--username=admin", "--email=admin@example.org")
        stack.run("createsuperuser", *options, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        self.cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self.cookies))
        self._home = f"http://127.0.0.1:{stack.port}/"
        form = self.get(f"{root}admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token is not None
        said = {
            "username": "admin",
            "password": PASSWORD,
            "next": f"/{root}admin/",
            "csrfmiddlewaretoken": token[1],
        }
        self.get(f"{root}admin/login/", urlencode(said).encode())

    def get(self, path: str, data: bytes | None = None) -> str:
        """Return a page; post *data* to it if given."""
        with self._opener.open(f"{self._home}{path}", data, PATIENCE_SECONDS) as page:
            return str(page.read().decode())
