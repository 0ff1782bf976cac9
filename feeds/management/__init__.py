"""The commands of ``manage.py``, and the code that they share."""

# First, because Twisted, which most commands import, removes the variables that this reads.
from feeds.management import passedsocket as passedsocket
