"""The objects loaded at the start of a server, excluded from garbage collection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import daphne.server  # noqa: F401  it must install its reactor before Twisted finds another

from feeds.daphne.server import GARBAGE_OBJECTS
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
PROGRAM = """
import django
django.setup()
import gc
import os
from feeds.daphne.server import FeedServer
from twisted.internet import reactor

def tell():  # before the server's own first step, which wants a database
    print(len(gc.get_objects()), gc.get_freeze_count(), gc.get_threshold()[0], flush=True)
    os._exit(0)

reactor.callWhenRunning(tell)
FeedServer(None).run()
"""


def test_loaded_objects_are_frozen() -> None:
    """When the event loop starts, hardly any object is left for the garbage collector."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "wsproject.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    looked_at, frozen, objects = map(int, ran.stdout.split())
    assert objects == GARBAGE_OBJECTS
    assert frozen > 50_000 > looked_at
