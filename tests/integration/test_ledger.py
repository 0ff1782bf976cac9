"""Facts and their rows in the database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from clientapp.wire.closing import Close
from clientapp.wire.report import FeedRange, Latency, Report
from clientapp.wire.sentence import Sentence
from clientapp.wire.verdict import Verdict
from feeds.core.difference import Difference
from feeds.core.judgement import Judgement
from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Feed, Segment
from feeds.storing import insertion, ledger, reports, retention, sessions
from feeds.storing.facts import Closed, Explanation, Fact, Opened, PlainReport, Reported, Said

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "key-of-a-session-1"
VERIFIED = Judgement(Verdict.VERIFIED)
BROKEN = Judgement(Verdict.BROKEN, "users 1 to 3: the digest differs, cause unknown")


def opened(channel: str = "c1", key: str = KEY, **changes: object) -> Opened:
    """Return the fact of a new connection."""
    fact = Opened(
        session=key,
        client="alice",
        feeds=("users", "arrays"),
        block_size=3,
        server="one",
        channel=channel,
        peer="127.0.0.1:5000",
        at=NOW,
        clock=inf,  # never late, however slow the machine is
    )
    return replace(fact, **changes)  # type: ignore[arg-type]


def closed(channel: str = "c1", key: str = KEY, *, left: bool = False, code: int = 1000) -> Closed:
    """Return the fact of a connection's end."""
    return Closed(session=key, channel=channel, code=code, reason="", left=left, at=NOW)


def reported(
    number: int, seconds: float = 2.0, key: str = KEY, judgement: Judgement = VERIFIED
) -> Reported:
    """Return the fact of a block of three users."""
    part = FeedRange(epoch="0" * 12, first=1, last=3, count=3, digest=None, gaps=0, duplicates=0)
    report = Report(
        block=number,
        text=str(Sentence("alice", number, seconds)),
        feeds={"users": part},
        size=3,
        seconds=seconds,
        started_at=1_790_000_000_000_000,
        finished_at=1_790_000_002_000_000,
        latency=Latency(p50=0.001, p99=0.002, max=0.003),
        interrupted=False,
    )
    return Reported(session=key, report=report, judgement=judgement, clients=8, at=NOW)


def test_session_report_and_text_in_one_batch() -> None:
    """A session, its report and its text may be in one batch."""
    said = Said(session=KEY, text="Hey Server!", at=NOW)
    ledger.commit([opened(), reported(1), said])
    session = ClientSession.objects.get()
    assert (session.client, session.feeds, session.block_size) == ("alice", "users arrays", 3)
    assert (session.status, session.connects) == ("online", 1)
    assert (session.blocks, session.messages) == (1, 3)
    report = BlockReport.objects.get()
    assert report.text == "Client alice received 1 block in 2.000 s time"
    assert (report.size, report.seconds, report.clients) == (3, 2.0, 8)
    assert report.finished_at == datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
    assert ClientMessage.objects.get().text == "Hey Server!"


def test_errors_of_an_insertion_are_those_of_django() -> None:
    """Each error of an insertion is classified, on both databases."""
    ledger.commit([opened(), reported(1)])
    again = BlockReport.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        insertion.insert([again])
    again.text = "\0" if connection.vendor == "postgresql" else "\ud800"
    with pytest.raises((DataError, UnicodeEncodeError)), transaction.atomic():
        insertion.insert([again])
    assert BlockReport.objects.count() == 1


def test_opening_committed_twice_is_stored_once() -> None:
    """An opening is committed again after a lost answer, and does not replace itself."""
    ledger.commit([opened()])
    (outcome,) = ledger.commit([opened()])
    assert outcome.replaced == ()
    assert Connection.objects.filter(closed_at=None).count() == 1
    assert ClientSession.objects.get().connects == 1


def test_batch_committed_twice_is_stored_once() -> None:
    """A batch is committed again after a lost answer, with new facts; all is stored once."""
    said = Said(session=KEY, text="Hey Server!", at=NOW)
    ended = replace(closed("b1", left=True), session="key-of-a-session-2")
    batch: list[Fact] = [
        opened("a1"),
        opened("b1", "key-of-a-session-2", client="bob"),
        said,
        replace(said, text="Is it you?"),
        replace(said, at=NOW + timedelta(microseconds=1)),
        reported(1),
        opened("a2"),
        ended,
    ]
    outcomes = ledger.commit(batch)
    assert [one.replaced for one in outcomes if one.replaced] == [("a1",)]
    later = replace(said, text="and more", at=NOW + timedelta(seconds=1))
    outcomes = ledger.commit([*batch, later])
    # Facts that are stored already close no connection: the newest one stays open.
    assert [one.replaced for one in outcomes if one.replaced] == []
    rows = Connection.objects.order_by("pk").values_list("channel", "close_code")
    assert list(rows) == [("a1", 4509), ("b1", 1000), ("a2", None)]
    stored = ClientSession.objects.order_by("key").values_list("status", "connects", "blocks")
    assert list(stored) == [("online", 2, 1), ("left", 1, 0)]
    texts = ClientMessage.objects.order_by("pk").values_list("text", flat=True)
    assert list(texts) == ["Hey Server!", "Is it you?", "Hey Server!", "and more"]


def test_openings_of_many_sessions_in_one_batch() -> None:
    """Each opening returns the connection it replaces, even one of the same batch."""
    ledger.commit([opened("a1"), opened("b1", "key-of-a-session-2", client="bob")])
    facts = [opened("a2", client="alicia"), opened("c1", "key-of-a-session-3"), opened("a3")]
    outcomes = ledger.commit(facts)
    assert [outcome.replaced for outcome in outcomes] == [("a1",), (), ("a2",)]
    still_open = Connection.objects.filter(closed_at=None).order_by("channel")
    assert [one.channel for one in still_open] == ["a3", "b1", "c1"]
    session = ClientSession.objects.get(key=KEY)
    assert (session.client, session.connects) == ("alice", 3)


def test_closings_of_many_sessions_in_one_batch() -> None:
    """Each closing ends its own connection, if that is open, and sets its session's status."""
    keys = [f"key-of-a-session-{number}" for number in range(5)]
    ledger.commit([opened(f"c-{key}", key) for key in keys])
    endings: list[Fact] = [
        closed(f"c-{keys[0]}", keys[0]),
        closed(f"c-{keys[1]}", keys[1], left=True),
        closed(f"c-{keys[2]}", keys[2], code=Close.REMOVED),
        opened("new", keys[3]),
        closed("old", keys[4]),
    ]
    ledger.commit(endings)
    rows = Connection.objects.order_by("pk").values_list("channel", "close_code", "closed_at")
    assert list(rows) == [
        (f"c-{keys[0]}", 1000, NOW),
        (f"c-{keys[1]}", 1000, NOW),
        (f"c-{keys[2]}", Close.REMOVED, NOW),
        (f"c-{keys[3]}", Close.REPLACED, NOW),
        (f"c-{keys[4]}", None, None),
        ("new", None, None),
    ]
    stored = ClientSession.objects.order_by("key").values_list("status", flat=True)
    assert list(stored) == ["away", "left", "disconnected", "online", "online"]


def test_statements_of_a_batch_do_not_grow_with_its_sessions() -> None:
    """Strangers who connect and leave cost few statements, however many they are."""
    counts = []
    for size in (2, 50):
        keys = [f"key-of-a-session-{size}-{number}" for number in range(size)]
        facts = [one for key in keys for one in (opened(f"c-{key}", key), closed(f"c-{key}", key))]
        with CaptureQueriesContext(connection) as statements:
            ledger.commit(facts)
        counts.append(len(statements))
        assert not Connection.objects.filter(closed_at=None).exists()
    assert counts[0] == counts[1]


def test_one_transaction_is_short() -> None:
    """Facts that need statements of their own fill a transaction sooner."""
    alike: list[Fact] = [opened(str(n), f"key-of-a-session-{n}") for n in range(300)]
    assert ledger.fitting(alike, 200) == 200
    assert ledger.fitting(alike[:7], 200) == 7
    assert ledger.fitting([], 200) == 0
    again: list[Fact] = [opened(str(number)) for number in range(300)]
    assert ledger.fitting(again, 200) == 1 + 199 // ledger.ALONE
    explained: list[Fact] = [Explanation(session=KEY, block=n, difference={}) for n in range(99)]
    assert ledger.fitting(explained, 200) == 200 // ledger.ALONE
    assert ledger.fitting(explained, 1) == 1


@pytest.mark.parametrize("together", [True, False])
def test_report_sent_again_is_stored_once(together: bool) -> None:  # noqa: FBT001
    """The same report twice is one row and no conflict, in one batch or several."""
    facts: list[Fact] = [opened(), reported(1), reported(1)]
    batches = [facts] if together else [[fact] for fact in facts]
    outcomes = [outcome for batch in batches for outcome in ledger.commit(batch)]
    assert [outcome.judgement for outcome in outcomes[-2:]] == [VERIFIED, VERIFIED]
    assert BlockReport.objects.count() == 1
    assert ClientSession.objects.get().blocks == 1


def test_other_report_of_same_number_is_a_conflict() -> None:
    """The stored report with a number stays; another report with that number is a conflict."""
    ledger.commit([opened(), reported(1, seconds=2.0)])
    outcomes = ledger.commit([reported(1, seconds=9.0), reported(2)])
    assert [outcome.judgement for outcome in outcomes] == [None, VERIFIED]
    assert list(BlockReport.objects.order_by("number").values_list("seconds", flat=True)) == [2, 2]


def test_stored_verdict_stays() -> None:
    """A report that is sent again is answered with the stored verdict."""
    ledger.commit([opened(), reported(1, judgement=BROKEN)])
    (again,) = ledger.commit([reported(1, judgement=VERIFIED)])
    assert (again.judgement, again.is_explained) == (BROKEN, False)
    session = ClientSession.objects.get()
    assert (session.verified, session.broken, session.unverifiable) == (0, 1, 0)


def test_explanation_is_stored_once() -> None:
    """The first explanation of a broken block is stored and stays."""
    ledger.commit([opened(), reported(1, judgement=BROKEN), reported(2)])
    told = {"users": Difference(missing=[(2, 2)]), "arrays": Difference()}
    first = Explanation(session=KEY, block=1, difference=told)
    other = replace(first, difference={"users": Difference(altered=[(3, 3)])})
    outcomes = ledger.commit([first, other, replace(first, block=2), replace(first, block=9)])
    explained = Judgement(Verdict.BROKEN, "users: 2 missing")
    assert [outcome.judgement for outcome in outcomes] == [explained, None, None, None]
    broken, whole = BlockReport.objects.order_by("number")
    assert (broken.reason, broken.difference) == (
        explained.reason,
        {"users": {"missing": [[2, 2]]}, "arrays": {}},
    )
    assert (whole.verdict, whole.reason, whole.difference) == ("verified", "", None)
    (again,) = ledger.commit([reported(1, judgement=BROKEN)])
    assert (again.judgement, again.is_explained) == (explained, True)


def test_removed_report_stays_removed() -> None:
    """A removed report that is sent again is acknowledged, but neither stored nor counted."""
    facts: list[Fact] = [reported(1), reported(2, judgement=BROKEN), reported(3)]
    ledger.commit([opened(), *facts])
    assert sum(retention.remove("reports", NOW + timedelta(days=1))) == len(facts)
    told = Explanation(session=KEY, block=2, difference={"users": Difference(missing=[(2, 2)])})
    *again, new, explained = ledger.commit([*facts, facts[1], reported(4), told])
    found_now = [VERIFIED, BROKEN, VERIFIED, BROKEN]
    assert [(one.judgement, one.is_new) for one in again] == [(now, False) for now in found_now]
    # An explanation that could not be stored is not requested; if one is sent, it changes nothing.
    assert again[1].is_explained
    assert (new.is_new, explained.judgement) == (True, None)
    assert [row.number for row in BlockReport.objects.all()] == [4]
    session = ClientSession.objects.get()
    assert (session.blocks, session.messages) == (4, 12)
    assert (session.verified, session.broken) == (3, 1)


def test_report_kept_beside_removed_ones_stays() -> None:
    """A report that arrived late is newer than its successors, so it is kept with its verdict."""
    ledger.commit([opened(), reported(2)])
    ledger.commit([replace(reported(1, judgement=BROKEN), at=NOW + timedelta(days=2))])
    assert sum(retention.remove("reports", NOW + timedelta(days=1))) == 1
    same, other = ledger.commit([reported(1), reported(1, seconds=9.0)])
    assert (same.judgement, same.is_new, other.judgement) == (BROKEN, False, None)
    assert ClientSession.objects.get().blocks == 2


def test_batch_longer_than_a_query_is_stored() -> None:
    """A batch longer than one look-up is stored completely, and only once."""
    facts = [reported(number) for number in range(1, 2 * reports.PAIRS + 2)]
    ledger.commit([opened(), *facts])
    ledger.commit(facts)
    assert BlockReport.objects.count() == len(facts)
    assert ClientSession.objects.get().blocks == len(facts)


def test_new_connection_replaces_the_previous_one() -> None:
    """A second connection closes the first one, and returns its channel."""
    ledger.commit([opened("c1")])
    (outcome,) = ledger.commit([opened("c2")])
    assert outcome.replaced == ("c1",)
    first, second = Connection.objects.order_by("pk")
    assert (first.close_code, first.reason, second.closed_at) == (4509, "replaced", None)
    ledger.commit([closed("c1")])
    assert ClientSession.objects.get().status == "online"


@pytest.mark.parametrize(("left", "status"), [(True, "left"), (False, "away")])
def test_status_after_the_last_connection(left: bool, status: str) -> None:  # noqa: FBT001
    """A client that said bye has left; one that was lost may return."""
    ledger.commit([opened(), closed(left=left)])
    assert ClientSession.objects.get().status == status
    ledger.commit([opened("c2")])
    assert ClientSession.objects.get().status == "online"


@pytest.mark.parametrize("left", [False, True])
def test_disconnected_is_a_status(left: bool) -> None:  # noqa: FBT001
    """The status stays until the client connects again, even if the client said bye."""
    ledger.commit([opened(), replace(closed(left=left), code=Close.REMOVED)])
    assert ClientSession.objects.get().status == "disconnected"
    ledger.commit([opened("c2")])
    assert ClientSession.objects.get().status == "online"


def test_facts_of_an_unknown_session_are_ignored() -> None:
    """A report whose session was deleted meanwhile affects no other fact."""
    outcomes = ledger.commit([reported(1), closed(), opened("c", "key-of-a-session-2")])
    assert len(outcomes) == 3
    assert ClientSession.objects.count() == 1
    assert not BlockReport.objects.exists()


def test_session_is_found_by_key() -> None:
    """A session's fixed options, and its contiguous reports, are found by its key."""
    assert sessions.find(KEY) is None
    ledger.commit([opened(), reported(1), reported(2)])
    assert sessions.find(KEY) == sessions.KnownSession(("users", "arrays"), 3, 2)


def test_hole_in_the_reports_is_found() -> None:
    """A missing report is requested again, even if later ones are stored."""
    ledger.commit([opened(), reported(1), reported(2), reported(4)])
    assert sessions.find(KEY) == sessions.KnownSession(("users", "arrays"), 3, 2)
    ledger.commit([reported(3)])
    assert sessions.find(KEY) == sessions.KnownSession(("users", "arrays"), 3, 4)


def test_totals_of_many_sessions() -> None:
    """Each session counts its own blocks, messages and verdicts only."""
    keys = [f"key-of-a-session-{number}" for number in range(4)]
    ledger.commit([opened(f"c{key}", key=key) for key in keys])
    unknown = Judgement(Verdict.UNVERIFIABLE, "no digest")
    ledger.commit(
        [
            *(reported(1, key=key) for key in keys[:3]),
            reported(2, key=keys[1]),
            reported(2, key=keys[2], judgement=BROKEN),
            reported(3, key=keys[2], judgement=unknown),
        ]
    )
    fields = ("blocks", "messages", "verified", "broken", "unverifiable")
    totals = dict(
        zip(keys, ClientSession.objects.order_by("key").values_list(*fields), strict=True)
    )
    assert totals == {
        keys[0]: (1, 3, 1, 0, 0),
        keys[1]: (2, 6, 2, 0, 0),
        keys[2]: (3, 9, 1, 1, 1),
        keys[3]: (0, 0, 0, 0, 0),
    }


def scheduled(feed: str, first: int, started_us: int, rate: float) -> Segment:
    """Store a segment of *feed*."""
    return Segment.objects.create(
        feed=Feed.objects.get(name=feed),
        epoch="0" * 12,
        kind=feed,
        seed=1,
        first=first,
        started_us=started_us,
        rate_milli=round(rate * 1000),
    )


def ideal_of(number: int) -> tuple[float | None, dict[str, float | None]]:
    """Return the stored ideal time and rates of a block."""
    row = BlockReport.objects.get(number=number)
    return row.ideal, row.rates


def test_report_is_stored_with_its_ideal_time() -> None:
    """The schedule gives the ideal time of a block's messages, and their rates."""
    scheduled("users", 1, 0, 2.0)
    scheduled("arrays", 1, 0, 0.5)
    *_, outcome = ledger.commit([opened(), reported(1)])
    assert ideal_of(1) == (1.0, {"users": 2.0, "arrays": 0.5})
    assert outcome.ideal == 1.0


def test_ideal_time_follows_a_new_segment() -> None:
    """A new segment is read before reports of its messages are stored."""
    scheduled("users", 1, 0, 1.0)
    scheduled("arrays", 1, 0, 1.0)
    ledger.commit([opened(), reported(1)])
    scheduled("users", 3, 1_100_000, 5.0)
    ledger.commit([reported(2)])
    # 1 and 2 are due at 0 and 1 s, 3 at 1.1 s.
    assert ideal_of(1) == (2.0, {"users": 1.0, "arrays": 1.0})
    assert ideal_of(2) == (1.1, {"users": None, "arrays": 1.0})


def test_ideal_time_in_a_database_that_was_replaced() -> None:
    """Segments that differ from the ones read before are read again."""
    old = scheduled("users", 1, 0, 1.0)
    scheduled("arrays", 1, 0, 1.0)
    ledger.commit([opened(), reported(1)])
    old.delete()
    scheduled("users", 1, 0, 4.0)
    ledger.commit([reported(2)])
    assert ideal_of(2) == (0.5, {"users": 4.0, "arrays": 1.0})


def test_broken_block_and_sentence_have_no_ideal() -> None:
    """A broken block may lack its first or last message; a sentence names none."""
    scheduled("users", 1, 0, 1.0)
    scheduled("arrays", 1, 0, 1.0)
    plain = PlainReport(client="alice", number_said=7, seconds=2.0, text="Client alice", size=3)
    sentence = replace(reported(2), report=plain)
    ledger.commit([opened(), reported(2, judgement=BROKEN), sentence])
    assert ideal_of(2) == (None, {"users": 1.0, "arrays": 1.0})
    assert ideal_of(1) == (None, {})


def test_block_of_a_removed_feed_has_no_ideal_time() -> None:
    """The report is stored without an ideal time."""
    Feed.objects.filter(name="users").delete()
    ledger.commit([opened(), reported(1)])
    assert ideal_of(1) == (None, {})
