"""
Every number that bounds memory or time in a server, with its reason.

What a client may ask for at most is part of the protocol and stands in
``clientapp.wire``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server process."""

    connections: int = 20_000
    """Served at once: twice the most that was measured; each costs about 75 KB."""
    backlog: int = 1024
    """Connections that wait to be accepted: as many come back in the two seconds
    after a restart. Of more, each waits a second for its kernel's next try."""
    feeds: int = 100
    """Feeds that can be made: each has a stream and a group in every process."""
    recent_messages: int = 8192
    """Messages kept per feed: 80 s at 100/s, so a restart is bridged from memory."""
    recent_bytes: int = 16 * 2**20
    """Bytes of frames kept per feed, for feeds of large records."""
    recent_digests: int = 131_072
    """Offsets per feed whose digest is kept: 1 MB, for 22 minutes at 100/s."""
    remade_messages: int = 4096
    """Messages made again in one step for a verdict, about 20 ms of work."""
    remade_digests: int = 1024
    """Digests kept of ranges that were made again: clients report the same ones."""
    explained_messages: int = 200_000
    """Messages that a broken block may span, with its holes, for its client to be asked what came:
    as many as two of the longest blocks. To make them again takes the maker half a second."""
    open_explanations: int = 16
    """Broken blocks one connection is asked about at once. One after the other is told: what
    was said of it so far takes 3.5 MB at most."""
    bridged_seconds: float = 30.0
    """Of each feed a server that starts remembers so much, made again: a thousand who
    were connected to the one before come back for it within seconds."""
    write_bytes: int = 32 * 2**10
    """Bytes in one write to one socket, and so what is held for one that takes none."""
    inbox_bytes: int = 32 * 2**10
    """What a client says and nobody has handled yet, before it is not read from."""
    unsent_bytes: int = 128 * 2**10
    """What waits for a client that does not take it, before it is not read from: two
    writes, and the answers to all that a client of ours has under way (30 KiB)."""
    fragments: int = 256
    """Parts of one message that a client may send: standard tools send one."""
    cohort_size: int = 500
    """Sockets written in one go: about 2 ms."""
    turn_seconds: float = 0.0005
    """Of writing, after which other work gets a turn: twenty times what a turn costs. With 100
    clients that get single frames, a turn for each pass cost a twentieth of what was delivered."""
    recovery_messages: int = 64
    """Messages made again in one step for one session: a third of a millisecond of work or less,
    and as little at once for whoever gets them."""
    recovery_rate: int = 8192
    """Messages made again for one session in a second, or twice the feed's rate: it catches up
    with a million in two minutes. At twice this number, on two cores, live clients had a p99
    of 3.5 ms where 1.8 is theirs."""
    frame_bytes: int = 256 * 2**10
    """The largest frame a client may send; a report takes under 2 KiB."""
    text_characters: int = 4096
    """Characters kept of a client's text; the rest is cut off, and marked so."""
    waiting_facts: int = 20_000
    """Facts waiting for the database: 20 s of the busiest intake measured."""
    commit_facts: int = 1000
    """Facts in one commit, so that an acknowledgement waits for few others."""
    heartbeat_seconds: float = 10.0
    """Between heartbeats; three missed ones mean a dead server."""
    poll_seconds: float = 1.0
    """Between looks at the promise: how long a lost batch stays unnoticed."""
    push_grace_us: int = 500_000
    """How late a batch may be before the server makes its messages itself."""
    ping_seconds: float = 20.0
    """A plain client to which nothing was sent for so long is pinged, and so once more within the
    60 s after which proxies end silent connections. It is looked at every other second."""
    stall_seconds: float = 30.0
    """Without progress a client is gone: as long as it waits for a silent server."""
    slowest_rate: int = 1024
    """Bytes a second: whoever reads fewer does not read."""
    unread_bytes: int = 128 * 2**10
    """What a client's kernel takes for it, read or not: Linux' buffer as it comes."""
    close_seconds: float = 3.0
    """A client has so long to answer a close; it may be busy with a backlog."""
    returns_per_second: int = 500
    """Clients of a stopped server come back so many a second: it accepts twice as many where it
    does nothing else."""
    lost_seconds: float = 30.0
    """After which a connection of a server that shows no life is lost."""
    database_seconds: float = 5.0
    """A connection waits this long for the database: half of what clients wait."""
    layer_seconds: float = 1.0
    """A call of the channel layer may take this long; it is never needed."""
    drain_seconds: float = 5.0
    """A stopping server waits this long for its connections to end."""
    flush_seconds: float = 20.0
    """A stopping server waits this long for the next commit; on a busy machine the process that
    stores may need so long to start."""


LIMITS = Limits()
