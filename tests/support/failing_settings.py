"""The project's settings, with responses that fail."""

from wsproject.settings import *  # noqa: F403

ROOT_URLCONF = "tests.support.failing_urls"
