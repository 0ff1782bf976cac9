"""What does not work is said where people look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from feeds.live.troubles import TROUBLES

SENTENCE = "The database takes no reports (database is locked); they wait, and none is lost."


@pytest.fixture
def trouble() -> Iterator[None]:
    """Let the recorder be in trouble."""
    TROUBLES.begin("recorder", "something else")
    TROUBLES.begin("recorder", SENTENCE)
    yield
    TROUBLES.end("recorder")


@pytest.mark.usefixtures("trouble")
def test_trouble_is_shown(client: Client, admin_client: Client) -> None:
    """The page, its updates and every page of the admin say the same sentence."""
    assert SENTENCE in client.get("/").content.decode()
    assert {"text": SENTENCE} in client.get("/status.json").json()["troubles"]
    assert SENTENCE in admin_client.get(reverse("admin:index")).content.decode()


def test_trouble_ends(client: Client, admin_client: Client, trouble: None) -> None:
    """Once it is over nothing is said; that it is over may be said twice."""
    TROUBLES.end("recorder")
    TROUBLES.end("recorder")
    assert {"text": SENTENCE} not in client.get("/status.json").json()["troubles"]
    assert SENTENCE not in admin_client.get(reverse("admin:index")).content.decode()
