"""The application's registration with Django."""

from importlib import import_module

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    """Feeds, the sessions that collect them, and the receipts."""

    name = "feeds"
    verbose_name = "Blockfeed"

    def ready(self) -> None:
        """Register the checks, which look at settings that are there by now."""
        import_module("feeds.checks")
