"""The application's registration with Django."""

from importlib import import_module

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    """The application: feeds, the sessions that collect them, and their reports."""

    name = "feeds"
    verbose_name = "Blockfeed"

    def ready(self) -> None:
        """Register the checks, which need the settings to be loaded."""
        import_module("feeds.checks")
