"""Local facts about hosts, and descriptions of failed connections."""

from __future__ import annotations

import os
import re
import ssl
from ipaddress import ip_address

UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate of an unknown authority (X509_V_ERR, x509_vfy.h)."""


def is_loopback(host: str) -> bool:
    """Tell whether *host*, a name or an address, is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def describe(error: OSError) -> str:
    """Return the reason for a failed connection, such as ``connection refused``."""
    if isinstance(error, TimeoutError):
        return "nothing arrived in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _describe_certificate(error)
    # If a name has several addresses, asyncio keeps the error numbers only as text.
    number = re.search(r"\[Errno (\d+)\]", str(error))
    if number is not None:
        return os.strerror(int(number[1])).lower()
    return (error.strerror or str(error)).lower()


def _describe_certificate(error: ssl.SSLCertVerificationError) -> str:
    reason = f"its certificate is not accepted: {error.verify_message}".rstrip(".")
    if error.verify_code in UNKNOWN_AUTHORITY:
        reason += "; if you trust it, set SSL_CERT_FILE to the file of its authority's certificate"
    return reason
