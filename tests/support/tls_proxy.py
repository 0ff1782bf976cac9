"""A proxy that terminates TLS and sets the headers that docs/how-to/balancer.md sets in nginx."""

from __future__ import annotations

import asyncio
import re
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.balancer import Balancer
from tests.support.stack import CHECKOUT

CERTIFICATE = "proxy.pem"
"""The file with the certificate and its key."""
CLIENT = "203.0.113.9"
"""The address that it reports for each client."""


class TlsProxy(Balancer):
    """One TLS port in front of one server; each connection has one request."""

    def __init__(self, port: int, folder: Path) -> None:
        """Stand in front of *port*, with a new certificate in *folder*."""
        super().__init__([port])
        self.home = f"https://127.0.0.1:{self.port}/"
        self.tls = self_signed(folder)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a client's request with the headers of the document."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
            return
        writer.write(rewritten(head.decode("latin-1")).encode("latin-1"))
        await super().forward(reader, writer)


def rewritten(head: str) -> str:
    """Return the head of a request as a server behind nginx receives it."""
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    came = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    values = {
        "$http_host": came["host"],
        "$http_upgrade": came.get("upgrade", ""),
        "$connection_upgrade": "upgrade" if "upgrade" in came else "close",
        "$remote_addr": CLIENT,
        "$scheme": "https",
    }
    document = (CHECKOUT / "docs" / "how-to" / "balancer.md").read_text(encoding="utf-8")
    directives = re.findall(r"proxy_set_header ([\w-]+) (\$\w+);", document)
    headers = came | {name.lower(): values[value] for name, value in directives}
    said = [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([first, *said, "", ""])


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the context of a server with a new certificate, which is in *folder* with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(host, critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / CERTIFICATE
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
