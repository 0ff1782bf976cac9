// The cursors of a session's feeds: each offset is received once and in order, or is a gap.

export const HISTORY = "history"; // the cause of a gap after which offsets may arrive again
const STALLED_HEARTBEATS = 3;

/** A frame that breaks the protocol; ends the connection, not the session. */
export class Malformed extends Error {}

/** The cursors of one session. */
export class Cursors {
  #feeds;
  #at = new Map(); // feed -> {epoch, offset, at}; at is undefined unless a message was last
  #epochs = new Map(); // named by the welcome and later gaps, not by messages
  #stalls = new Map();

  constructor(feeds) {
    this.#feeds = feeds;
  }

  /** Return the parameters `after` and `at` for the URL, as pairs of name and value. */
  parameters() {
    const known = [...this.#at].filter(([, at]) => at.epoch);
    const timed = known.filter(([, { at }]) => at !== undefined);
    return [
      ...known.map(([feed, { epoch, offset }]) => ["after", `${feed}:${epoch}:${offset}`]),
      ...timed.map(([feed, { at }]) => ["at", `${feed}:${at}`]),
    ];
  }

  /** Return the epoch of the last message or gap of a feed. */
  epoch(feed) {
    return this.#position(feed).epoch;
  }

  welcome(frame) {
    this.#stalls.clear();
    for (const feed of this.#feeds) {
      const state = frame.feeds[feed];
      if (!state) throw new Malformed(`the welcome does not mention feed ${feed}`);
      this.#epochs.set(feed, state.epoch);
      const at = this.#at.get(feed);
      // Before the first message of a feed, none can be missing.
      if (!at || (at.offset === 0 && at.epoch !== state.epoch)) this.#move(feed, state.epoch, state.offset);
    }
  }

  /** Process a message; return {isNew, gap}: whether it is new, and the gap before it. */
  message({ feed, offset, at: due }) {
    const at = this.#position(feed);
    const epoch = this.#epochs.get(feed);
    if (epoch === at.epoch && offset <= at.offset) return { isNew: false, gap: null };
    this.#move(feed, epoch, offset, due);
    const follows = epoch === at.epoch && offset === at.offset + 1;
    return { isNew: true, gap: follows ? null : jump(feed, at, { epoch, offset: offset - 1 }) };
  }

  /** Process a gap; return the resulting gaps for this client, in order. */
  gap(gap) {
    const at = this.#position(gap.feed);
    this.#epochs.set(gap.feed, gap.epoch);
    if (gap.epoch === at.epoch && gap.last <= at.offset && gap.cause !== HISTORY) return [];
    this.#move(gap.feed, gap.epoch, gap.last);
    if (gap.first > at.offset + 1 && gap.last >= gap.first - 1) {
      return [jump(gap.feed, at, { epoch: at.epoch, offset: gap.first - 1 }), gap];
    }
    // Messages already received are not missing, wherever the server's gap begins.
    return [{ ...gap, first: Math.min(at.offset, gap.last) + 1 }];
  }

  /** Process the heads of the feeds; throws if a cursor stays behind: messages were lost. */
  heartbeat({ heads }) {
    const stalls = new Map();
    for (const feed of this.#feeds) {
      const { offset } = this.#position(feed);
      if (offset >= (heads[feed] ?? 0)) continue;
      const before = this.#stalls.get(feed);
      const beats = before?.offset === offset ? before.beats + 1 : 1;
      if (beats > STALLED_HEARTBEATS) throw new Malformed(`no message of ${feed} arrived after ${offset}`);
      stalls.set(feed, { offset, beats });
    }
    this.#stalls = stalls;
  }

  #position(feed) {
    const at = this.#at.get(feed);
    if (!at) throw new Malformed(`feed ${feed} was not requested`);
    return at;
  }

  #move(feed, epoch, offset, at) {
    this.#at.set(feed, { epoch, offset, at });
  }
}

function jump(feed, at, to) {
  // In a new epoch offsets may start lower; then no message is known to be missing.
  const first = Math.min(at.offset, to.offset) + 1;
  return { feed, first, last: to.offset, epoch: to.epoch, cause: "unannounced" };
}
