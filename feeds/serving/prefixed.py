"""The pages below a path prefix, which the proxy in front passes on unchanged."""

from __future__ import annotations

from feeds.core.prefix import is_below
from feeds.serving.probes import Application, Receive, Scope, Send


class Prefixed:
    """An ASGI application for HTTP that answers below a prefix only."""

    def __init__(self, pages: Application, prefix: str) -> None:
        """Pass requests below *prefix* on to *pages*; with an empty one, all requests."""
        self._pages = pages
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404 with a sentence."""
        if is_below(scope["path"], self._prefix):
            await self._pages(scope, receive, send)
            return
        sentence = (
            f"This server is at {self._prefix}/ (PATH_PREFIX). "
            "A proxy in front of it must pass paths on unchanged.\n"
        ).encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(sentence)).encode()),
        ]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else sentence
        await send({"type": "http.response.body", "body": body})
