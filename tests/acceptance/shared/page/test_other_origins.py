"""A page on another port, like a front-end developer's, reads this server."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.browser import Browser
from tests.support.stack import Stack

PAGE = """<!doctype html><link rel="icon" href="data:,"><script>
fetch("%sstatus.json")
    .then((answer) => answer.json())
    .then((status) => { document.title = status.feeds.map((feed) => feed.name).sort().join(); })
    .catch((error) => { document.title = String(error); });
</script>"""


def test_page_on_another_port_reads_the_status(stack: Stack, page: Browser) -> None:
    """With DEBUG on, the default, a browser gives the answer to the page."""
    stack.server()
    content = (PAGE % stack.url.replace("ws:", "http:")).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as elsewhere:
        thread = threading.Thread(target=elsewhere.serve_forever)
        thread.start()
        try:
            page.open(f"http://127.0.0.1:{elsewhere.server_port}/")
            page.wait_for("document.title !== ''")
            assert page.evaluate("document.title") == "arrays,users"
        finally:
            elsewhere.shutdown()
            thread.join()
