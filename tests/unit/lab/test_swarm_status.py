"""The status of a swarm: written, read back, and added up."""

from collections import Counter

from clientapp.lab.swarm.histogram import Histogram
from clientapp.lab.swarm.status import PartStatus, Status, total, whole


def part(first: int, *, clock_error: float | None) -> PartStatus:
    """Return a part whose counts all differ."""
    latencies = Histogram()
    latencies.add(first / 1000)
    return PartStatus(
        members=first,
        reached=first + 1,
        connected=first + 2,
        messages=first + 3,
        expected=first + 4,
        received=first + 5,
        behind=first + 6,
        blocks=first + 7,
        gaps=first + 8,
        duplicates=first + 9,
        reconnects=first + 10,
        unacknowledged=first + 11,
        interrupted=1,
        verdicts=Counter(verified=first + 12, broken=first + 13),
        latencies=latencies,
        clock_error=clock_error,
    )


def test_round_trip() -> None:
    """A status written as one line is read back unchanged."""
    said = Status(
        parts={"users:10": part(1, clock_error=0.002), "arrays:5": part(50, clock_error=None)},
        processor=0.25,
        late=0.125,
        failures=["member-00001: it failed\nbadly"],
    )
    line = said.write()
    assert "\n" not in line
    heard = Status.read(line.encode())
    assert [one.write() for one in heard.parts.values()] == [
        one.write() for one in said.parts.values()
    ]
    assert (heard.processor, heard.late, heard.failures) == (0.25, 0.125, said.failures)


def test_processes_add_up() -> None:
    """Members of a part in several processes are counted as one part."""
    found = total(
        [
            Status(parts={"users:10": part(100, clock_error=0.002)}),
            Status(parts={"users:10": part(200, clock_error=0.005), "arrays:5": PartStatus()}),
            Status(),
        ]
    )
    assert list(found) == ["users:10", "arrays:5"]
    counts = found["users:10"].write()
    latencies = dict(counts.pop("latencies"))
    assert latencies == Histogram({99328: 1, 198656: 1}).counts
    assert counts == {
        "members": 300,
        "reached": 302,
        "connected": 304,
        "messages": 306,
        "expected": 308,
        "received": 310,
        "behind": 312,
        "blocks": 314,
        "interrupted": 2,
        "gaps": 316,
        "duplicates": 318,
        "reconnects": 320,
        "unacknowledged": 322,
        "verdicts": {"verified": 324, "broken": 326},
        "clock_error": 0.005,
    }


def test_sum_leaves_the_parts_unchanged() -> None:
    """The sum of parts is a new object, and an unknown clock error stays unknown."""
    parts = [part(1, clock_error=None), part(2, clock_error=None)]
    found = whole(parts)
    assert (found.members, found.clock_error, parts[0].members) == (3, None, 1)
    assert (found.latencies.total, parts[0].latencies.total) == (2, 1)
