// Which messages of a connection are caught up rather than live, so that their
// blocks are in no figure of time or latency (docs/protocol.md).

/** The backlog of one connection, per feed. */
export class CatchUp {
  #backlogs = new Map(); // feed -> {end, rate, since}

  /** Take the welcome of a new connection and its stamp. */
  begin({ feeds }, { here }) {
    this.#backlogs.clear();
    for (const [feed, { offset, head = 0, rate }] of Object.entries(feeds)) {
      if (head > offset) this.#backlogs.set(feed, { end: head, rate, since: here, before: Infinity });
    }
  }

  /** Tell whether a message, received at a stamp, is caught up. */
  takes({ feed, offset }, { here }) {
    const backlog = this.#backlogs.get(feed);
    if (!backlog) return false;
    const { end, rate, since, before } = backlog;
    if (offset >= end) {
      // Meanwhile more became due, which waits behind the backlog as well. Each such step is half
      // of the one before at most; a client that is live would go on like this for ever.
      const more = Math.floor((rate * (here - since)) / 1_000_000);
      if (offset === end && more > 0 && 2 * more <= before) {
        this.#backlogs.set(feed, { end: end + more, rate, since: here, before: more });
      } else {
        this.#backlogs.delete(feed);
      }
    }
    return offset <= end;
  }
}
