"""The charts of the dashboard: figures over the time of a history."""

from __future__ import annotations

from datetime import datetime

from feeds import show
from feeds.admin.figures.charts import Chart, line_chart
from feeds.admin.figures.history import History
from feeds.admin.figures.outages import LINES, within


def session_charts(history: History) -> list[Chart]:
    """Return the charts of sent messages, sessions and the sessions' lag."""
    return [
        _over_time(
            history,
            "Messages",
            "Sent to all clients, per second.",
            "messages/s",
            {"messages/s": [point.messages for point in history.points]},
        ),
        _over_time(
            history,
            "Sessions",
            f"The largest number of clients connected at once, in each {history.span.step_name}.",
            "sessions",
            {"sessions": [point.sessions for point in history.points]},
            is_counted=True,
        ),
        _over_time(
            history,
            "Worst lag",
            "Lag of the client that was furthest behind, in messages.",
            "messages",
            {"worst lag": [point.worst_lag for point in history.points]},
            is_counted=True,
        ),
    ]


def report_charts(history: History) -> list[Chart]:
    """Return the charts of reports, with one more if plain clients reported."""
    points = history.points
    left_out = f" Left out of {history.blocks - history.plain:,} blocks: {history.left_out:,}."
    drawn = [
        _over_time(
            history,
            "Blocks",
            "Stored block reports, per minute.",
            "blocks/min",
            {"blocks/min": [point.blocks for point in points]},
        ),
        _over_time(
            history,
            "Overhead",
            "Block time minus its ideal, of verified blocks. The p99 is the highest of all periods "
            "of ten seconds." + left_out,
            "milliseconds",
            {
                "median": [show.milliseconds(point.overhead_p50) for point in points],
                "p99": [show.milliseconds(point.overhead_p99) for point in points],
            },
        ),
        _over_time(
            history,
            "Latency",
            "From a message's intended time to its receipt, by the server's clock, for the same "
            "blocks." + left_out,
            "milliseconds",
            {
                "median": [show.milliseconds(point.latency_p50) for point in points],
                "p99": [show.milliseconds(point.latency_p99) for point in points],
            },
        ),
    ]
    if history.plain:
        drawn.append(
            _over_time(
                history,
                "Block time of plain clients",
                f"As the clients reported it, unchecked: {history.plain:,} blocks.",
                "seconds",
                {
                    "median": [point.plain_p50 for point in points],
                    "p99": [point.plain_p99 for point in points],
                },
            )
        )
    return drawn


def outage_chart(history: History, now: datetime) -> Chart:
    """Return the chart of outages in the time before *now*."""
    ends = [*history.starts[1:], now]
    steps = list(zip(history.starts, ends, strict=True))
    known = [point.messages is not None for point in history.points]
    first = known.index(True) if any(known) else 0
    names = {part: LINES.get(part, part) for part in history.outages}
    step = history.span.step_name
    return _over_time(
        history,
        "Outages",
        f"Seconds of each {step} with an outage ({', '.join(names.values())}).",
        "seconds",
        {
            names[part]: [
                None if place < first else within(spans, start, end)
                for place, (start, end) in enumerate(steps)
            ]
            for part, spans in history.outages.items()
        },
    )


def _over_time(
    history: History,
    title: str,
    about: str,
    unit: str,
    lines: dict[str, list[float | None]],
    *,
    is_counted: bool = False,
) -> Chart:
    labels = [f"{start:{history.span.label}}" for start in history.starts]
    return line_chart(
        title,
        about,
        labels,
        lines,
        across="UTC",
        up=unit,
        is_dense=True,
        is_counted=is_counted,
    )
