"""Two servers behind a real nginx, with the configuration of docs/how-to/balancer.md."""

from __future__ import annotations

import shutil
import signal
import ssl
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.browser import Browser
from tests.support.how_to import block
from tests.support.judge import judge
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, free_port, until
from tests.support.tls_proxy import CERTIFICATE, self_signed

MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {block}
}}
"""
"""The settings around the block of the guide: one process without other files of this host."""
PREFIX = "/live"
NAMES = ("alice", "bob", "carol", "dave")
SERVERS = "SELECT count(*), count(DISTINCT server) FROM feeds_connection"
VERIFIED = "document.querySelectorAll('#client tr[data-state=verified]').length"
OPTIONS = ("--feed=users", "--feed=arrays", "--block-size=10")


class Nginx:
    """An nginx in front of two servers of *stack*, which the caller must start."""

    def __init__(self, stack: Stack) -> None:
        """Start it with the block of the guide, in which only places are replaced."""
        self.port = free_port()
        self.ports = [free_port(), free_port()]
        self.home = f"127.0.0.1:{self.port}{PREFIX}/"
        self_signed(stack.folder)
        certificate = str(stack.folder / CERTIFICATE)
        configured = block("balancer.md", "Put nginx in front", "nginx")
        for said, meant in {
            "127.0.0.1:8001": f"127.0.0.1:{self.ports[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{self.ports[1]}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "/etc/ssl/feeds.example.org.pem": certificate,
            "/etc/ssl/feeds.example.org.key": certificate,
        }.items():
            assert said in configured
            configured = configured.replace(said, meant)
        file = stack.folder / "nginx.conf"
        file.write_text(MAIN.format(folder=stack.folder, block=configured), encoding="utf-8")
        command = shutil.which("nginx") or "/usr/sbin/nginx"
        self.program = stack.program("nginx", command, "-c", str(file), "-p", str(stack.folder))


def serve(stack: Stack, port: int) -> Program:
    """Start ``serve`` at *port*, and wait until it listens."""
    server = stack.start("serve", f"--bind=127.0.0.1:{port}")
    server.wait_for(f"serving at http://127.0.0.1:{port}{PREFIX}/")
    return server


def wait_for_blocks(clients: list[Program], more: int) -> None:
    """Wait until each of the clients has received *more* blocks that are verified."""
    goals = [(client, client.said.count(" verified") + more) for client in clients]
    until(
        lambda: all(client.said.count(" verified") >= goal for client, goal in goals),
        lambda: "\n".join(client.said for client in clients),
    )


@pytest.mark.skipif(
    shutil.which("nginx") is None and not Path("/usr/sbin/nginx").exists(),
    reason="nginx is missing (Debian: nginx-light)",
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_is_lost_while_a_server_restarts(stack: Stack, page: Browser) -> None:
    """With TLS, a prefix and two servers, clients of a server that restarts lose nothing."""
    stack.environment |= {"DEBUG": "false", "BEHIND_TLS_PROXY": "true", "PATH_PREFIX": PREFIX}
    nginx = Nginx(stack)
    servers = [serve(stack, port) for port in nginx.ports]
    stack.generator("--rate=10")
    stack.url = f"wss://{nginx.home}"
    trusted = {"SSL_CERT_FILE": str(stack.folder / CERTIFICATE)}
    with stack.variables(trusted):
        clients = [stack.client(name, *OPTIONS) for name in NAMES]
    wait_for_blocks(clients, 2)
    assert stack.rows(SERVERS) == [(len(NAMES), 2)]
    assert stack.rows("SELECT DISTINCT peer FROM feeds_connection") == [("127.0.0.1",)]

    assert servers[0].stop(signal.SIGTERM) == 0
    wait_for_blocks(clients, 2)
    servers[0] = serve(stack, nginx.ports[0])
    wait_for_blocks(clients, 2)

    page.call("Security.setIgnoreCertificateErrors", ignore=True)
    page.open(f"https://{nginx.home}")
    assert page.evaluate("document.querySelector('#address').textContent") == stack.url
    page.wait_for("!document.querySelector('#client form').hidden")
    page.evaluate("document.querySelector('#client [type=submit]').click()")
    page.wait_for(f"{VERIFIED} >= 1")
    context = ssl.create_default_context(cafile=trusted["SSL_CERT_FILE"])
    records = f"https://{nginx.home}feeds/users/records?first=1&last=3"
    with urlopen(records, context=context, timeout=PATIENCE_SECONDS) as answer:
        assert answer.read().count(b"\n") == 3

    for name, client in zip(NAMES, clients, strict=True):
        with stack.variables(trusted):
            stack.leave(name, client, *OPTIONS)
        judge(stack.log(name))
    assert stack.rows("SELECT DISTINCT verdict FROM feeds_blockreport") == [("verified",)]
    assert [server.stop(signal.SIGTERM) for server in servers] == [0, 0]
    assert "Traceback" not in "".join(server.said for server in servers)
