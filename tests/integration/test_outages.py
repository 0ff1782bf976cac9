"""What does not work is said where people look, and why only to those who may know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from feeds.running.outages import OUTAGES, Outage

CAUSE = 'connection to server at "db.internal", port 5432 failed: role "feeds" is locked out'
SENTENCE = "The database takes no reports; they wait, and none is lost."
DETAILED = f"The database takes no reports ({CAUSE}); they wait, and none is lost."


@pytest.fixture
def trouble() -> Iterator[None]:
    """Let the recorder be in trouble."""
    what, then = "The database takes no reports", "they wait, and none is lost."
    OUTAGES.begin("recorder", Outage(what=what, cause="something else", then=then))
    OUTAGES.begin("recorder", Outage(what=what, cause=CAUSE, then=then))
    yield
    OUTAGES.end("recorder")


@pytest.mark.django_db
@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(("debug", "sentence"), [(False, SENTENCE), (True, DETAILED)])
def test_everybody_reads_what_is_the_matter(
    client: Client,
    settings: Settings,
    sentence: str,
    *,
    debug: bool,
) -> None:
    """The page and its updates repeat the words of a driver while debugging only."""
    settings.DEBUG = debug
    page = client.get("/")
    assert page.context["overview"].troubles[0].text == sentence
    assert client.get("/status.json").json()["troubles"] == [{"text": sentence}]
    assert ("db.internal" in page.content.decode()) is debug
    login = client.get(reverse("admin:login"))
    assert login.context["environment"] == [sentence, "warning"]


@pytest.mark.usefixtures("trouble")
def test_staff_reads_why(admin_client: Client) -> None:
    """Every page of the admin, and the figures of its first, say what the driver said."""
    response = admin_client.get(reverse("admin:index"))
    assert response.context["environment"] == [DETAILED, "warning"]
    assert "db.internal" in response.content.decode()
    assert admin_client.get(reverse("dashboard")).json()["troubles"] == [{"text": DETAILED}]


def test_trouble_ends(client: Client, admin_client: Client, trouble: None) -> None:
    """Once it is over nothing is said; that it is over may be said twice."""
    OUTAGES.end("recorder")
    OUTAGES.end("recorder")
    assert client.get("/status.json").json()["troubles"] == []
    assert admin_client.get(reverse("admin:index")).context["environment"] is None


def test_a_cause_without_words() -> None:
    """An error that says nothing leaves no empty brackets."""
    outage = Outage(what="The layer is away", cause="", then="wait.")
    assert outage.sentence(detailed=True) == "The layer is away; wait."
