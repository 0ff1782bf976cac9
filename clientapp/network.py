"""What this machine says of hosts and of failed connections."""

from __future__ import annotations

import os
import re
import ssl
from ipaddress import ip_address

UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""What OpenSSL says where nobody known signed a certificate (X509_V_ERR, x509_vfy.h)."""


def is_loopback(host: str) -> bool:
    """Tell whether *host*, a name or an address, is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def describe(error: OSError) -> str:
    """Say in a few words why a connection failed, such as ``connection refused``."""
    if isinstance(error, TimeoutError):
        return "nothing was heard in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _describe_certificate(error)
    # Where a name has several addresses, asyncio only keeps the numbers as text.
    number = re.search(r"\[Errno (\d+)\]", str(error))
    if number is not None:
        return os.strerror(int(number[1])).lower()
    return (error.strerror or str(error)).lower()


def _describe_certificate(error: ssl.SSLCertVerificationError) -> str:
    reason = f"its certificate is not accepted: {error.verify_message}".rstrip(".")
    if error.verify_code in UNKNOWN_AUTHORITY:
        reason += "; if you trust it, set SSL_CERT_FILE to the file of its authority's certificate"
    return reason
