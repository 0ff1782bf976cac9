"""
The database models: feeds and their segments, sessions, reports, samples, leases, tokens, bans.

Times of a feed's schedule are integer microseconds since 1970; times that
people read are datetimes. Session keys are secrets: only their prefix is ever
shown.
"""

from feeds.models.access import MOST_CONNECTIONS, AccessToken, Ban
from feeds.models.feed import LEAST_RATE, MOST_RATE, Feed, Segment
from feeds.models.lease import Lease
from feeds.models.report import BlockReport
from feeds.models.sample import Sample
from feeds.models.session import ClientMessage, ClientSession, Connection

__all__ = [
    "LEAST_RATE",
    "MOST_CONNECTIONS",
    "MOST_RATE",
    "AccessToken",
    "Ban",
    "BlockReport",
    "ClientMessage",
    "ClientSession",
    "Connection",
    "Feed",
    "Lease",
    "Sample",
    "Segment",
]
