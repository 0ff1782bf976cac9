"""The project's settings with a PostgreSQL connection that soon gives up a frozen server."""

from feeds.postgresql.connection import PatientConnection
from wsproject.settings import *  # noqa: F403

PatientConnection.answer_seconds = 1.0
