// Blocks of consecutive messages, and their reports.

import { HISTORY } from "./cursors.js";
import { Digest } from "./digest.js";

const UNANNOUNCED = "unannounced";

/** Return the percentile of the sorted values by nearest rank. */
export function rank(sorted, percent) {
  return sorted[Math.max(0, Math.ceil((percent * sorted.length) / 100) - 1)];
}

/** The range of a block in one feed. */
class Range {
  #digest = new Digest();
  #gaps = 0;
  #at;
  #history = false;
  epoch = "";
  last = 0;
  count = 0;

  constructor(first) {
    this.first = first;
  }

  add(message, epoch) {
    this.#digest.add(message.crc);
    this.last = message.offset;
    this.#at = message.at;
    this.epoch = epoch;
    this.count += 1;
  }

  addGap(gap) {
    // If the offsets of a new epoch are lower, the range begins with them.
    this.first = Math.min(this.first, gap.last + 1);
    this.last = gap.last;
    this.#at = undefined;
    if (gap.cause === HISTORY && this.count > 0) this.#history = true;
    this.epoch = gap.epoch;
    if (gap.cause !== UNANNOUNCED) this.#gaps += Math.max(0, gap.last - gap.first + 1);
  }

  finish(duplicates) {
    const { epoch, first, last, count } = this;
    const range = { epoch, first, last, count, digest: `${this.#digest}`, gaps: this.#gaps, duplicates };
    if (this.#at !== undefined) range.at = this.#at;
    if (this.#history) range.history = true;
    return range;
  }
}

/** The block being collected; a session is {client, feeds, size}. */
export class BlockBuilder {
  #session;
  #clock;
  #duplicates = new Map();

  constructor(session, clock) {
    this.#session = session;
    this.#clock = clock;
    this.number = 1;
    this.#begin();
  }

  #begin() {
    this.#ranges = new Map();
    this.#received = [];
    this.#lines = {};
    this.#isInterrupted = false;
  }

  #ranges;
  #received;
  #lines;
  #isInterrupted;

  /** Number of messages collected so far. */
  get count() {
    return this.#received.length;
  }

  /** Whether the block is full and must be finished. */
  get isFull() {
    return this.count === this.#session.size;
  }

  /** Add a new message {feed, offset, at, crc}; the block must not be full. */
  add(message, epoch, stamp) {
    this.#received.push({ stamp, due: message.at });
    this.#note(message);
    this.#range(message.feed, message.offset).add(message, epoch);
  }

  /** Add a gap. */
  addGap(gap) {
    this.#range(gap.feed, gap.first).addGap(gap);
  }

  /** Count a message that was received again. */
  addDuplicate(message) {
    this.#duplicates.set(message.feed, (this.#duplicates.get(message.feed) ?? 0) + 1);
    this.#note(message);
  }

  /** Mark the block, if begun, as interrupted: the connection was lost or a message caught up. */
  interrupt() {
    this.#isInterrupted ||= this.count > 0;
  }

  /** Return {report, lines} of the full block, and start the next one. */
  finish() {
    const received = this.#received;
    const [first, last] = [received[0].stamp, received.at(-1).stamp];
    const seconds = (last.here - first.here) / 1_000_000;
    const late = received.map(({ stamp, due }) => this.#clock.latency(stamp, due)).sort((a, b) => a - b);
    const { client, size } = this.#session;
    const clock = this.#clock.between(first, last);
    const report = {
      type: "report",
      block: this.number,
      text: `Client ${client} received ${this.number} block in ${seconds.toFixed(3)} s time`,
      feeds: this.#finishRanges(),
      size,
      seconds,
      started_at: first.wall,
      finished_at: last.wall,
      latency: { p50: rank(late, 50), p99: rank(late, 99), max: late.at(-1) },
      interrupted: this.#isInterrupted,
      ...(clock && { clock }),
    };
    const lines = this.#lines;
    this.number += 1;
    this.#begin();
    return { report, lines };
  }

  #note({ feed, offset, crc }) {
    (this.#lines[feed] ??= []).push([offset, crc]);
  }

  #range(feed, first) {
    if (!this.#ranges.has(feed)) this.#ranges.set(feed, new Range(first));
    return this.#ranges.get(feed);
  }

  #finishRanges() {
    const finished = {};
    for (const [feed, range] of this.#ranges) {
      if (range.count === 0 && range.last < range.first) continue; // only a change of epoch
      finished[feed] = range.finish(this.#duplicates.get(feed) ?? 0);
      this.#duplicates.delete(feed);
    }
    return finished;
  }
}
