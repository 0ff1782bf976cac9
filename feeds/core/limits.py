"""
The numbers that bound memory and time in a server, each with its reason.

Limits on a client's requests are part of the protocol; they are in ``clientapp.wire``.
"""

from dataclasses import dataclass

SPARE_FILES = 200
"""Files that a process needs besides the connections of clients."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server process."""

    connections: int = 20_000
    """Connections served at once: twice the most ever measured; each costs about 75 KB."""
    backlog: int = 1024
    """Connections waiting to be accepted: as many as return in the two seconds
    after a restart. Further clients wait a second for their kernel's next attempt."""
    header_bytes: int = 16 * 2**10
    """Bytes of a request's line and headers: four times the longest URL and all usual cookies."""
    header_lines: int = 100
    """Lines of headers: browsers and proxies send about thirty."""
    header_seconds: float = 20.0
    """Time for the headers to arrive: enough for a slow mobile network."""
    body_bytes: int = 128 * 2**10
    """Bytes of a request's body: ten times the largest form of the admin."""
    body_seconds: float = 20.0
    """Time for a body to arrive: at the limit of its size that is 6.5 KB/s."""
    idle_seconds: float = 75.0
    """Time that an HTTP connection may be idle between two requests. It is longer than the 60 s
    after which nginx and AWS' balancers end idle connections, so they send no request on a
    connection that this server is closing. A client that reads a large answer must reach
    `slowest_rate` over each such period."""
    pending_requests: int = 1000
    """HTTP connections without a complete request: as many as connect in a second; with their
    bodies they take at most 128 MB. If a quarter of the process's open files is less, that is the
    limit. The same number of further connections may have an answer that their client has not
    read."""
    open_requests: int = 256
    """HTTP requests in progress at once: pages are made one after the other, in a few
    milliseconds each. Probes do not count."""
    feeds: int = 100
    """Feeds that can be created: each has a stream and a group in every process."""
    recent_messages: int = 8192
    """Messages kept per feed: 80 s at 100/s, so clients resume from memory after a restart."""
    recent_bytes: int = 16 * 2**20
    """Bytes of frames kept per feed, for feeds of large records."""
    recent_digests: int = 131_072
    """Offsets per feed whose digest is kept: 1 MB, for 22 minutes at 100/s."""
    remade_messages: int = 4096
    """Messages regenerated in one step for a verdict, about 20 ms of work."""
    remade_digests: int = 1024
    """Digests kept of regenerated ranges: clients report the same ranges."""
    explained_messages: int = 200_000
    """The most messages, holes included, that a broken block may span for its client to be asked
    to explain it: two of the longest blocks. The maker regenerates them in half a second."""
    open_explanations: int = 16
    """Broken blocks that one connection is asked about at once. Clients explain one after the
    other; a partial explanation takes 3.5 MB at most."""
    bridged_seconds: float = 30.0
    """Seconds of each feed that a starting server regenerates: the clients of the previous
    process, perhaps a thousand, request these messages within seconds."""
    write_bytes: int = 32 * 2**10
    """Bytes in one write to one socket, and so the most memory for a socket that accepts none."""
    inbox_bytes: int = 32 * 2**10
    """Unhandled bytes from a client before the server stops reading from it."""
    unsent_bytes: int = 128 * 2**10
    """Unsent bytes for a client before the server stops reading from it: two writes,
    and the answers to everything one of our clients has in flight (30 KiB)."""
    frame_rate: float = 1000.0
    """Frames per second that are read from a client in the long run: as many reports as the
    server has ever stored per second, from all clients together."""
    frame_burst: int = 10_000
    """Frames read at once after a pause: the reports of a client that completed blocks while the
    database was unavailable, and sends all of them at once."""
    byte_rate: float = 262_144.0
    """Bytes per second that are read from a client in the long run: 130 full reports."""
    byte_burst: int = 8 * 2**20
    """Bytes read at once after a pause: two of the longest explanations."""
    empty_rate: float = 50.0
    """Pings, pongs and empty fragments per second that are read from a client in the long run:
    clients that measure their latency send at most ten."""
    empty_burst: int = 1000
    """The same, at once after a pause."""
    flood_frames: int = 3000
    """Pings, pongs and empty fragments beyond `empty_burst`, before the client is disconnected:
    by then it has sent them for a minute without a pause. Ten a second are not counted."""
    turn_frames: int = 16
    """Frames of one client handled before other work gets a turn: about half a millisecond."""
    fragments: int = 256
    """Fragments in which a client may send one message: standard tools send one."""
    cohort_size: int = 500
    """Sockets written in one pass: about 2 ms."""
    turn_seconds: float = 0.0005
    """Time spent writing before other work gets a turn: twenty times the cost of a turn. With 100
    clients that get single frames, a turn after each pass would cost a twentieth of the
    throughput."""
    recovery_messages: int = 64
    """Messages regenerated in one step for one session: at most a third of a millisecond of work,
    and a small burst for the client."""
    recovery_rate: int = 8192
    """Messages regenerated per second for one session, or twice the feed's rate: a million
    take two minutes. At twice this number, on two cores, live clients had a p99 of 3.5 ms
    instead of 1.8 ms."""
    frame_bytes: int = 256 * 2**10
    """The largest frame a client may send; a report takes under 2 KiB."""
    text_characters: int = 4096
    """Characters kept of a client's text; longer texts are truncated and marked."""
    text_rate: float = 5.0
    """Texts per second of one connection that are logged and stored in the long run. A text costs
    1, plus 1 for every 1,000 characters: 5 KB of log, and as much of the database."""
    text_burst: int = 200
    """Texts of one connection that are logged and stored at once after a pause: enough for
    pasting, and little for a stranger who connects again and again."""
    log_rate: float = 20.0
    """Log lines about one connection per second in the long run: one for each report of a client
    with blocks of one message at 10/s, and as many again."""
    log_burst: int = 1000
    """Log lines about one connection at once after a pause: the reports of an outage."""
    session_texts: int = 5000
    """Texts kept of one session: 20 MB of the longest ones in ASCII."""
    refusal_rate: float = 100.0
    """Texts per second that are refused for any length of time without disconnecting the client:
    it may answer each message of a feed with a text."""
    refusal_burst: int = 5000
    """Texts and binary frames refused beyond `refusal_rate`, before the client is disconnected."""
    waiting_texts: int = 4000
    """Texts waiting for the database: the rest of the queue is for reports and new connections."""
    waiting_facts: int = 20_000
    """Facts waiting for the database: 20 s of the highest rate measured."""
    commit_facts: int = 200
    """Facts in one commit, 20 ms of work: meanwhile SQLite accepts no other write. With 1,000, a
    fifth more were stored per second, but promises of messages could be late."""
    heartbeat_seconds: float = 10.0
    """Interval of heartbeats; three missed ones mean a dead server."""
    housekeeping_seconds: float = 60.0
    """Interval at which old rows are removed and the disk is checked: in this time, all clients
    together store at most 250,000 reports, which take 150 MB."""
    poll_seconds: float = 1.0
    """Interval of polling the promise: a lost batch is noticed after at most this time."""
    promise_age_seconds: float = 1.75
    """Time without reading the promises after which a server is not ready for new clients. It
    reads them every second, so a balancer knows within two seconds that the server's database is
    gone."""
    write_age_seconds: float = 1.5
    """Time without an accepted change in SQLite after which a server is not ready; it tries twice
    a second."""
    access_seconds: float = 0.5
    """Interval of reading the revoked tokens and the bans: a client that is no longer allowed is
    disconnected within two seconds, even on a busy machine."""
    push_grace_us: int = 500_000
    """Lateness of a batch at which the server generates its messages itself."""
    ping_seconds: float = 20.0
    """Silence after which a plain client is pinged, so at least twice within the 60 s after which
    proxies close idle connections. Checked every other second."""
    stall_seconds: float = 30.0
    """Time without progress after which a client is gone: as long as clients wait for a silent
    server."""
    slowest_rate: int = 1024
    """Bytes a second; a client that reads fewer counts as not reading."""
    unread_bytes: int = 128 * 2**10
    """Bytes that a client's kernel accepts even if the client reads nothing: Linux' default."""
    close_seconds: float = 3.0
    """Time for a client to answer a close; it may be busy with a backlog."""
    returns_per_second: int = 500
    """Rate at which clients of a stopped server are asked to return: half the rate at which a
    server accepts clients when it does nothing else."""
    lost_seconds: float = 30.0
    """Time with an unchanged lease after which the connections of a server process count as lost:
    three heartbeats."""
    database_seconds: float = 5.0
    """Time a new connection waits for the database: half the time that clients wait."""
    layer_seconds: float = 1.0
    """Time a call of the channel layer may take; the feed never depends on one."""
    drain_seconds: float = 5.0
    """Time a stopping server waits for its connections to end."""
    flush_seconds: float = 20.0
    """Time a stopping server waits for the next commit; on a busy machine the clerk may take
    this long to start."""


LIMITS = Limits()
