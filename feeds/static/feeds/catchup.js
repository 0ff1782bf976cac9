// Detection of caught-up messages. Figures of time and latency leave out their
// blocks (docs/reference/protocol.md).

const DRIFT = 100 / 1_000_000; // two quartz clocks, 50 ppm each
const LIVE_SPREAD_US = 50_000; // a live message is rarely later than this, relative to the promptest one
const SETTLE_US = 1_000_000; // time for which a late message still belongs to a reconnect or catch-up

/** The backlog of each connection, per feed. */
export class CatchUp {
  #backlogs = new Map(); // feed -> {end, rate, since}
  #prompt = new Map(); // feed -> the promptest live message, kept across connections
  #settles = new Map(); // feeds without a live message since the welcome -> end of the wait for one

  /** Start a new connection with its welcome and the welcome's stamp. */
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
    // The two clocks of the delay may differ, but drift apart only slowly.
    const delay = here - at;
    const prompt = this.#prompt.get(feed);
    let usual = prompt ? prompt.delay + (here - prompt.here) * DRIFT : delay;
    if (this.#settles.has(feed)) {
      const isLate = delay > usual + LIVE_SPREAD_US;
      if (isLate && here < this.#settles.get(feed)) return true;
      this.#settles.delete(feed);
      if (isLate) usual = delay; // a lasting change: the server is slower, or its clock was set
    }
    if (delay <= usual) this.#prompt.set(feed, { delay, here });
    return false;
  }

  #isBehind(feed, offset, here) {
    const backlog = this.#backlogs.get(feed);
    if (!backlog) return false;
    const { end, rate, since, before } = backlog;
    if (offset >= end) {
      // More messages became due meanwhile and also wait behind the backlog. Each step must be at
      // most half of the previous one; otherwise a live client would repeat this for ever.
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
