"""
The opening of a connection: proxies, redirects, and refusals by HTTP.

Every failure becomes a sentence, and is either final or worth a retry.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.proxy import get_proxy, parse_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from .core.errors import CouldNot, Refused
from .core.serverurl import ServerUrl, without_credentials
from .network import describe, is_loopback
from .wire import SUBPROTOCOL

OPEN_SECONDS = 10
"""The wait for the handshake."""
CLOSE_SECONDS = 1
"""The wait for the closing handshake: a dead peer must not delay the next attempt."""
MAX_FRAME_BYTES = 2**24
"""The most bytes of a frame, which is kept in memory; no sensible record is nearly as large."""


class NotConnected(Exception):
    """A connection failed but may work later; the text is the reason."""


async def open_socket(url: ServerUrl, query: str) -> ClientConnection:
    """
    Connect to *url*; raises NotConnected, Refused or CouldNot.

    The library's own pings are off: the server's heartbeats prove that it is alive.
    """
    has_proxy = not is_loopback(urlsplit(url).hostname or "")
    if has_proxy:
        _check_proxy(url)
    parts = urlsplit(url.full)
    subprotocols, headers = _offer(url)
    try:
        return await connect(
            urlunsplit(parts._replace(path=parts.path or "/", query=query)),
            subprotocols=subprotocols,
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_FRAME_BYTES,
            # A proxy for other hosts does not reach this machine.
            proxy=True if has_proxy else None,
        )
    except OSError as error:
        # First, because a rejected certificate is also a ValueError.
        raise failure(url, error) from error
    except (InvalidURI, ValueError) as error:
        # The library follows redirects without checking the host and the port.
        reason = f"it redirects to an address that cannot be used ({error})"
        raise NotConnected(without_credentials(reason)) from error
    except WebSocketException as error:
        raise failure(url, error) from error


def _offer(url: ServerUrl) -> tuple[list[Subprotocol], dict[str, str]]:
    """
    Return the subprotocols and headers, with the token of *url* in one of them.

    The token is in a header, which the library does not pass on to another host that the server
    names. If that header has a password for a proxy, the token is a subprotocol.
    """
    subprotocols = [Subprotocol(SUBPROTOCOL)]
    if not url.token:
        return subprotocols, {}
    if url.credentials:
        return [*subprotocols, Subprotocol(url.token)], {}
    return subprotocols, {"Authorization": f"Bearer {url.token}"}


def failure(url: ServerUrl, error: OSError | WebSocketException) -> NotConnected | Refused:
    """Return the exception to raise for a connection to *url* that failed with *error*."""
    reason = without_credentials(_why(error))
    if url.startswith("wss:") and _may_lack_tls(error):
        reason += "; if the server has no TLS, use ws://"
    if _may_retry(error):
        return NotConnected(reason)
    return Refused(f"{url} refuses this client: {reason}")


def _may_retry(error: OSError | WebSocketException) -> bool:
    """Tell whether a connection that failed with *error* may work later."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return status in (408, 425, 429) or not 400 <= status <= 499
    return not isinstance(error, ssl.SSLCertVerificationError)


def _may_lack_tls(error: OSError | WebSocketException) -> bool:
    """Tell whether a TLS connection may have failed because the server has no TLS."""
    if isinstance(error, ssl.SSLError):
        # A server that sends an alert or a certificate has TLS.
        return "CERTIFICATE" not in error.reason and "ALERT" not in error.reason
    return isinstance(error, TimeoutError)


def _check_proxy(url: str) -> None:
    """
    Raise CouldNot if the environment names a proxy that cannot be used.

    A retry would not help: the environment of a process does not change.
    """
    proxy = get_proxy(parse_uri(url))
    if proxy is None:
        return
    rule = "correct the proxy in the environment (such as http_proxy), or add the host to no_proxy"
    try:
        scheme = parse_proxy(proxy).scheme
    except (InvalidProxy, ValueError) as error:
        # The address may contain a password, so the message leaves it out.
        reason = error.msg if isinstance(error, InvalidProxy) else str(error)
        raise CouldNot(f"the proxy for {url} cannot be used: {reason}; {rule}") from None
    if scheme.startswith("socks") and find_spec("python_socks") is None:
        raise CouldNot(
            f"the proxy for {url} needs a package; run: pip install 'python-socks[asyncio]', "
            "or add the host to no_proxy"
        )


def _why(error: OSError | WebSocketException) -> str:
    """Return the reason for a failed connection in a few words."""
    if isinstance(error, InvalidStatus):
        return f"it answers with HTTP status {error.response.status_code}"
    if isinstance(error, OSError):
        return describe(error)
    if isinstance(error.__cause__, EOFError):
        return "it closed the connection during the handshake"
    return str(error) or type(error).__name__
