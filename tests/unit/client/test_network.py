"""Descriptions of hosts and of failed connections."""

import errno
import socket
import ssl

import pytest

from clientapp.network import describe, is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("h", False)],
)
def test_loopback_is_recognized(host: str, *, expected: bool) -> None:
    """A loopback host is recognized by its addresses and its name."""
    assert is_loopback(host) is expected


TRUST = "set SSL_CERT_FILE to the file of its authority's certificate"


def certificate(code: int, message: str) -> ssl.SSLCertVerificationError:
    """Return the error for a certificate that is not accepted."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (certificate(10, "certificate has expired"), "certificate has expired"),
        (
            certificate(62, "Hostname mismatch, certificate is not valid for 'a'."),
            "Hostname mismatch, certificate is not valid for 'a'",
        ),
        (
            certificate(18, "self-signed certificate"),
            f"self-signed certificate; if you trust it, {TRUST}",
        ),
    ],
)
def test_certificate_error_is_explained(error: ssl.SSLCertVerificationError, words: str) -> None:
    """The sentence says what is wrong, and what the user can do if the authority is unknown."""
    assert describe(error) == f"its certificate is not accepted: {words}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "connection refused"),
        (
            OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call, [Errno 99]"),
            "connection refused",
        ),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (TimeoutError(), "nothing arrived in time"),
    ],
)
def test_failure_is_described_in_the_systems_words(error: OSError, words: str) -> None:
    """A failed connection is described in the words of the operating system."""
    assert describe(error) == words
