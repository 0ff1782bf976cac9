"""Outages: announced to everybody, with their causes for staff only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from feeds.running.outages import OUTAGES, Outage

CAUSE = 'connection to server at "db.internal", port 5432 failed: role "feeds" is locked out'
SENTENCE = "The database does not accept reports; they wait, and none is lost."
DETAILED = f"The database does not accept reports ({CAUSE}); they wait, and none is lost."


@pytest.fixture
def trouble() -> Iterator[None]:
    """Put the recorder into an outage."""
    what, then = "The database does not accept reports", "they wait, and none is lost."
    OUTAGES.begin("recorder", Outage(what=what, cause="something else", then=then))
    OUTAGES.begin("recorder", Outage(what=what, cause=CAUSE, then=then))
    yield
    OUTAGES.end("recorder")


@pytest.mark.django_db
@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(("debug", "sentence"), [(False, SENTENCE), (True, DETAILED)])
def test_everybody_sees_an_outage(
    client: Client,
    settings: Settings,
    sentence: str,
    *,
    debug: bool,
) -> None:
    """The page and its updates repeat the driver's words only with DEBUG on."""
    settings.DEBUG = debug
    page = client.get("/")
    assert page.context["overview"].troubles[0].text == sentence
    assert client.get("/status.json").json()["troubles"] == [{"text": sentence}]
    assert ("db.internal" in page.content.decode()) is debug
    login = client.get(reverse("admin:login"))
    assert login.context["environment"] == [sentence, "warning"]


@pytest.mark.usefixtures("trouble")
def test_staff_sees_the_cause(admin_client: Client) -> None:
    """Every page of the admin, and the figures of the first page, include the driver's words."""
    response = admin_client.get(reverse("admin:index"))
    assert response.context["environment"] == [DETAILED, "warning"]
    assert "db.internal" in response.content.decode()
    assert admin_client.get(reverse("dashboard")).json()["troubles"] == [{"text": DETAILED}]


def test_outage_ends(client: Client, admin_client: Client, trouble: None) -> None:
    """An outage that is over is no longer shown; ending it twice is allowed."""
    OUTAGES.end("recorder")
    OUTAGES.end("recorder")
    assert client.get("/status.json").json()["troubles"] == []
    assert admin_client.get(reverse("admin:index")).context["environment"] is None


def test_outage_without_a_cause_has_no_brackets() -> None:
    """An error without a message leaves no empty brackets."""
    outage = Outage(what="The layer is away", cause="", then="wait.")
    assert outage.sentence(detailed=True) == "The layer is away; wait."
