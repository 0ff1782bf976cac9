"""Rows of leases and connections: of living, dead and returning server processes."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clientapp.wire.closing import Close
from feeds.models import ClientSession, Connection, Lease
from feeds.storing import connections, leases, ledger
from feeds.storing.facts import Outcome, Reopened
from tests.integration.test_ledger import KEY, NOW, closed, opened

pytestmark = pytest.mark.django_db

OTHER = "key-of-a-session-2"
SECOND = timedelta(seconds=1)


def lose(server: str = "one") -> int:
    """Close the connections of *server* as lost; return their number."""
    sign = leases.signs()[server]
    return sum(iter(lambda: connections.close_lost(server, sign), 0))


def status(key: str = KEY) -> str:
    """Return the status of a session."""
    return ClientSession.objects.get(key=key).status


def reopened(channel: str = "c1", key: str = KEY) -> list[Outcome]:
    """Store that the connection at *channel* is still served."""
    return ledger.commit([Reopened(session=key, channel=channel)])


def test_connections_of_a_dead_server_are_closed_as_lost() -> None:
    """The server's connections end at its last heartbeat; only its own lease is removed."""
    ledger.commit([opened("c1"), opened("c2", OTHER, server="two")])
    leases.renew("one", 5, NOW + 30 * SECOND)
    leases.renew("two", 1, NOW)
    assert lose() == 1
    lost = Connection.objects.get(server="one")
    assert (lost.closed_at, lost.close_code) == (NOW + 30 * SECOND, 1006)
    away = ClientSession.objects.get(key=KEY)
    assert (away.status, away.seen_at) == ("away", NOW + 30 * SECOND)
    assert status(OTHER) == "online"
    assert [lease.server for lease in Lease.objects.all()] == ["two"]


def test_lost_connection_ends_after_its_beginning() -> None:
    """The end of a connection that opened after the last heartbeat is the time of its opening."""
    leases.renew("one", 5, NOW - 8 * SECOND)
    ledger.commit([opened("c1")])
    assert lose() == 1
    assert Connection.objects.get().closed_at == NOW
    assert ClientSession.objects.get().seen_at == NOW


def test_server_with_another_sign_is_not_dead() -> None:
    """A server process that returns just before its connections are closed keeps them."""
    ledger.commit([opened("c1")])
    leases.renew("one", 5, NOW)
    leases.renew("one", 6, NOW)
    assert connections.close_lost("one", 5) == 0
    assert status() == "online"
    ledger.commit([replace(closed("c1"), at=NOW)])
    assert connections.close_lost("one", 5) == 0
    assert Lease.objects.get().beats == 6


def test_connections_are_closed_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections a dead server had, no transaction locks more than a few rows."""
    monkeypatch.setattr(connections, "WRITTEN_AT_ONCE", 2)
    keys = [f"key-of-a-session-{number}" for number in range(5)]
    ledger.commit([opened(f"c{key}", key, at=NOW + n * SECOND) for n, key in enumerate(keys)])
    sign = leases.signs()["one"]
    assert [connections.close_lost("one", sign) for _ in range(4)] == [2, 2, 1, 0]
    assert set(ClientSession.objects.values_list("status", flat=True)) == {"away"}


def test_server_of_an_older_version_is_judged_by_its_connections() -> None:
    """Such a server has no lease; as long as it marks its connections as seen, its sign changes."""
    ledger.commit([opened("c1"), opened("c2", OTHER, server="two")])
    leases.renew("two", 1, NOW)
    assert leases.signs() == {"one": NOW, "two": 1}
    Connection.objects.filter(server="one").update(seen_at=NOW + SECOND)
    assert leases.signs() == {"one": NOW + SECOND, "two": 1}
    assert connections.close_lost("one", NOW) == 0
    assert lose() == 1
    assert Connection.objects.get(server="one").closed_at == NOW + SECOND
    assert leases.signs() == {"two": 1}


def test_connection_that_is_still_served_is_opened_again() -> None:
    """A server that returns has its sessions online again; storing this twice changes nothing."""
    ledger.commit([opened("c1")])
    lose()
    assert connections.find_ended({"c1": KEY, "c2": OTHER}) == ["c1"]
    for _ in range(2):
        assert reopened() == [Outcome()]
        row = Connection.objects.get()
        assert (row.closed_at, row.close_code, row.reason) == (None, None, "")
        session = ClientSession.objects.get()
        assert (session.status, session.connects) == ("online", 1)
    ledger.commit([closed("c1", left=True)])
    assert status() == "left"


@pytest.mark.parametrize("ended", [False, True])
def test_session_that_has_moved_is_not_opened_again(ended: bool) -> None:  # noqa: FBT001
    """The older connection counts as replaced, whether the newer one is open or ended."""
    ledger.commit([opened("c1")])
    lose()
    ledger.commit([opened("c2", server="two")])
    if ended:
        ledger.commit([closed("c2", left=True)])
    assert reopened() == [Outcome(replaced=("c1",))]
    assert Connection.objects.get(channel="c1").close_code == Close.REPLACED
    assert connections.find_ended({"c1": KEY}) == ["c1"]
    assert status() == ("left" if ended else "online")
    ledger.commit([closed("c1")])
    assert status() == ("left" if ended else "online")


@pytest.mark.parametrize(
    ("code", "left", "expected"),
    [(1000, True, "left"), (1001, False, "away"), (Close.REMOVED, False, "disconnected")],
)
def test_end_stored_late_is_the_true_one(
    code: int,
    left: bool,  # noqa: FBT001
    expected: str,
) -> None:
    """A client that left while its server was cut off is stored as having left, not as lost."""
    ledger.commit([opened("c1")])
    lose()
    later = NOW + 50 * SECOND
    ledger.commit([replace(closed("c1", left=left), code=code, at=later)])
    row = Connection.objects.get()
    assert (row.closed_at, row.close_code, row.reason) == (later, code, "")
    session = ClientSession.objects.get()
    assert (session.status, session.seen_at) == (expected, later)
    assert reopened() == [Outcome()]
    assert status() == expected


def test_end_stored_late_does_not_concern_a_session_that_has_moved() -> None:
    """The client said goodbye to a server that was cut off, and connected to another one."""
    ledger.commit([opened("c1")])
    lose()
    ledger.commit([opened("c2", server="two"), closed("c1", left=True)])
    assert status() == "online"


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_replaced_connection_is_opened_again_if_the_other_was_lost(
    lost: bool,  # noqa: FBT001
    left: bool,  # noqa: FBT001
) -> None:
    """A client that tried another server, but is still served by the first, is online."""
    ledger.commit([opened("c1")])
    if lost:
        lose()
    ledger.commit([opened("c2", server="two"), closed("c2", left=left)])
    expected = "left" if left else "online"
    assert reopened() == [Outcome(replaced=("c1",) if left else ())]
    assert status() == expected
    ledger.commit([closed("c1")])
    assert status() == ("left" if left else "away")


@pytest.mark.parametrize("left", [False, True])
def test_opening_stored_late_ends_no_connection_of_another_server(left: bool) -> None:  # noqa: FBT001
    """The client left the server that was cut off, and is served by the other one."""
    ledger.commit([opened("c1", server="two")])
    late = opened("c2", clock=time.monotonic() - connections.LATE_SECONDS)
    assert ledger.commit([late]) == [Outcome()]
    ledger.commit([closed("c2", left=left)])
    assert connections.find_ended({"c1": KEY}) == []
    assert [row.channel for row in Connection.objects.filter(closed_at=None)] == ["c1"]
    assert status() == "online"


def test_opening_stored_late_replaces_those_of_its_own_server() -> None:
    """The openings of one server are stored in their order."""
    ledger.commit([opened("c1")])
    late = opened("c2", clock=time.monotonic() - connections.LATE_SECONDS)
    assert ledger.commit([late]) == [Outcome(replaced=("c1",))]
    assert [row.channel for row in Connection.objects.filter(closed_at=None)] == ["c2"]


def test_one_connection_of_a_session_is_opened_again() -> None:
    """Of two connections that are served, the newer one is opened again."""
    ledger.commit([opened("c1"), opened("c2")])
    lose()
    facts = [Reopened(session=KEY, channel=channel) for channel in ("c2", "c1")]
    assert ledger.commit(facts) == [Outcome(), Outcome(replaced=("c1",))]
    assert [row.channel for row in Connection.objects.filter(closed_at=None)] == ["c2"]


def test_reopening_of_an_unknown_session_is_not_kept() -> None:
    """A session that was removed meanwhile, or lost in a rollback, stays unknown."""
    assert reopened() == [Outcome(kept=False)]


def test_heartbeat_writes_one_row_and_the_lags_that_changed() -> None:
    """The rows written do not depend on the number of clients."""
    keys = [f"key-of-a-session-{number}" for number in range(20)]
    ledger.commit([opened(f"c{key}", key) for key in keys])
    leases.renew("one", 1, NOW)
    lagging = {f"c{keys[3]}": 7, f"c{keys[4]}": 8}
    for behind, rows in (({}, 1), (lagging, 3), (lagging, 1), ({}, 3)):
        written = 0
        with CaptureQueriesContext(connection) as queries:
            leases.renew("one", 2, NOW)
            assert len(connections.note_lags("one", behind)) == len(keys)
            leases.signs()
        for query in queries:
            sql = query["sql"]
            times, is_repeated, _ = sql.rpartition(" times: UPDATE")
            if is_repeated or sql.startswith("UPDATE"):
                written += int(times) if is_repeated else 1
        assert written == rows, [query["sql"] for query in queries]


def test_lag_of_connections_is_stored() -> None:
    """A connection's row has the number of missing messages until there are none."""
    ledger.commit([opened("c1"), opened("c2", OTHER)])
    for behind in ({"c2": 812_000}, {"c1": 3, "c2": 400}, {}):
        connections.note_lags("one", behind)
        rows = Connection.objects.exclude(behind=0).values_list("channel", "behind")
        assert dict(rows) == behind
