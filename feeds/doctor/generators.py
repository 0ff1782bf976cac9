"""The channel layer, and the generators of the feeds that are switched on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis import Redis, RedisError

from feeds.doctor.finding import Finding, good, warning, wrong
from feeds.layer.channel_layer import locate
from feeds.making.diagnosis import CLOCK_SECONDS
from feeds.making.observation import Life, Observer
from feeds.making.ownership import sign_of
from feeds.models import Feed

ANSWER_SECONDS = 3.0
"""Longest wait for the layer's server."""
SILENT_SECONDS = 3.0
"""Time without a promise after which a generator counts as dead."""
LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 10.0
"""Longest observation, since a slow database restarts it again and again."""


def examine_layer() -> Iterator[Finding]:
    """Ask the server behind the channel layer."""
    try:
        address = locate(settings.REDIS_URL)()
        limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
        with Redis.from_url(address, **limits) as redis:
            redis.ping()
    except (ImproperlyConfigured, RedisError, OSError) as error:
        fix = "Start the server that REDIS_URL names, or unset REDIS_URL."
        yield wrong("channel layer", f"it does not answer: {error}", fix)
    else:
        yield good("channel layer", "it answers")


def examine_feeds() -> Iterator[Finding]:
    """Observe for up to `PATIENCE_SECONDS` whether the feeds have generators."""
    names = list(Feed.objects.filter(enabled=True).order_by("name").values_list("name", flat=True))
    if not names:
        yield warning("feeds", "none is switched on", "Switch one on in the admin.")
        return
    observer = Observer(SILENT_SECONDS, PATIENCE_SECONDS)
    end = time.monotonic() + PATIENCE_SECONDS
    waiting = set(names)
    ahead: dict[str, float] = {}
    while waiting and time.monotonic() < end:
        with observer.looking() as found:
            rows = list(Feed.objects.filter(name__in=names))
            found |= {row.name: sign_of(row) for row in rows}
        waiting -= {name for name in waiting if observer.life(name) is not Life.UNKNOWN}
        ahead = {row.name: row.promised_us / 1e6 - time.time() for row in rows}
        time.sleep(LOOK_SECONDS if waiting else 0)
    for name in names:
        yield _judged(name, observer.life(name), ahead[name])


def _judged(name: str, life: Life, ahead: float) -> Finding:
    start = "Start one: python manage.py generate"
    match life:
        case Life.FREE:
            return wrong(f"feed {name}", "it has no generator", start)
        case Life.DEAD | Life.UNKNOWN:
            fix = f"It was killed, hangs, or cannot reach the database. {start}"
            return wrong(f"feed {name}", "its generator promises nothing", fix)
    if abs(ahead) > CLOCK_SECONDS:
        fix = "Synchronise the clocks of all hosts (NTP)."
        return wrong(f"feed {name}", f"its generator's clock is {ahead:+.0f} s off", fix)
    return good(f"feed {name}", "its generator is at work")
