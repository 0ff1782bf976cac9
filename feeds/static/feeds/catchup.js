// Which messages of a connection are caught up rather than live, so that their
// blocks are in no figure of time or latency (docs/reference/protocol.md).

const DRIFT = 100 / 1_000_000; // two quartz clocks, 50 ppm each
const LIVE_SPREAD_US = 50_000; // a live message is seldom later than this against the promptest one
const SETTLE_US = 1_000_000; // how long a late message still belongs to a reconnect or catch-up

/** The backlog of each connection, per feed. */
export class CatchUp {
  #backlogs = new Map(); // feed -> {end, rate, since}
  #prompt = new Map(); // feed -> the promptest live message, kept from one connection to the next
  #settles = new Map(); // feeds without a live message since the welcome -> until when to wait for one

  /** Take the welcome of a new connection and its stamp. */
  begin({ feeds }, { here }) {
    this.#backlogs.clear();
    this.#settles.clear();
    for (const [feed, { offset, head = 0, rate }] of Object.entries(feeds)) {
      if (head > offset) this.#backlogs.set(feed, { end: head, rate, since: here, before: Infinity });
      this.#settles.set(feed, here + SETTLE_US);
    }
  }

  /** Tell whether a message, received at a stamp, is caught up. */
  takes({ feed, offset, at }, { here }) {
    if (this.#isBehind(feed, offset, here)) {
      this.#settles.set(feed, here + SETTLE_US);
      return true;
    }
    // The lag is by clocks that need not agree, but drift apart by little.
    const lag = here - at;
    const prompt = this.#prompt.get(feed);
    let usual = prompt ? prompt.lag + (here - prompt.here) * DRIFT : lag;
    if (this.#settles.has(feed)) {
      const isLate = lag > usual + LIVE_SPREAD_US;
      if (isLate && here < this.#settles.get(feed)) return true;
      this.#settles.delete(feed);
      if (isLate) usual = lag; // it stays so: the server is slower now, or its clock was set
    }
    if (lag <= usual) this.#prompt.set(feed, { lag, here });
    return false;
  }

  #isBehind(feed, offset, here) {
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
