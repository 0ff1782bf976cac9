// Which messages of a connection are caught up rather than live, so that their
// blocks are in no figure of time or latency (docs/protocol.md).

/** The backlog of one connection, per feed. */
export class CatchUp {
  #backlogs = new Map(); // feed -> {end, rate, since}

  /** Take the welcome of a new connection and its stamp. */
  begin({ feeds }, { here }) {
    this.#backlogs.clear();
    for (const [feed, { offset, head = 0, rate }] of Object.entries(feeds)) {
      if (head > offset) this.#backlogs.set(feed, { end: head, rate, since: here });
    }
  }

  /** Tell whether a message, received at a stamp, is caught up. */
  takes({ feed, offset }, { here }) {
    const backlog = this.#backlogs.get(feed);
    if (!backlog) return false;
    const { end, rate, since } = backlog;
    if (offset >= end) {
      // Meanwhile more became due, which waits behind the backlog as well.
      backlog.end += Math.floor((rate * (here - since)) / 1_000_000);
      backlog.since = here;
      if (offset >= backlog.end) this.#backlogs.delete(feed);
    }
    return offset <= end;
  }
}
