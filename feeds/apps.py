"""The application's registration with Django."""

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    """Feeds, the sessions that collect them, and the receipts."""

    name = "feeds"
    verbose_name = "Blockfeed"
