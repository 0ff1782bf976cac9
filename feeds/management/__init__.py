"""The commands of ``manage.py``, and what they share."""

# First of all, because Twisted, which most commands import, removes what this reads.
from feeds.management import passedsocket as passedsocket
