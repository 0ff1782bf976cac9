"""
``manage.py`` with two numbers changed: a write holds one frame, and more wait.

As it is shipped, the server sends all that is pending in one write, so when it
is saturated it delivers more than any loop of one frame per write can. This is
how it is compared with those. A hundred clients could be sent thousands of
messages a second; held to single frames they fall behind those, and what they
have not had yet must stay in memory for as long as a window lasts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from django.core.management import execute_from_command_line

from feeds.core import limits

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    # Before anything that takes the limits from there.
    limits.LIMITS = replace(limits.LIMITS, write_bytes=1, recent_messages=2**16)
    execute_from_command_line(["manage.py", *sys.argv[1:]])
