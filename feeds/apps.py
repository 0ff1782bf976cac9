"""The application's registration with Django."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from feeds import private


class FeedsConfig(AppConfig):
    """The application: feeds, the sessions that collect them, and their reports."""

    name = "feeds"
    verbose_name = "Blockfeed"

    def ready(self) -> None:
        """Register the checks, and close the folder of local state to other users."""
        import_module("feeds.checks")
        private.tighten_folder(settings.VAR_DIR)
