"""What this machine says of hosts and of failed connections."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address


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
    # Where a name has several addresses, asyncio only keeps the numbers as text.
    number = re.search(r"\[Errno (\d+)\]", str(error))
    if number is not None:
        return os.strerror(int(number[1])).lower()
    return (error.strerror or str(error)).lower()
