// The protocol logic of the client in the page, without a socket. It collects and
// reports blocks like any other client (docs/reference/protocol.md). The connection passes
// received frames in and sends its frames; the panel shows its events.

import { BlockBuilder } from "./block.js";
import { CatchUp } from "./catchup.js";
import { ServerClock } from "./clock.js";
import { Cursors, HISTORY, Malformed } from "./cursors.js";
import { crc32 } from "./digest.js";
import { Outbox } from "./outbox.js";

const EXPLAINED_LINES = 5000; // messages in one frame of an explanation
const KEPT_BLOCKS = 16; // blocks whose lines are kept in case the server asks for them

/**
 * One session of {client, feeds, size, key}.
 *
 * `tell(event, values)` is called with: welcome, message, gap, block, verdict,
 * busy and notice, each with its values. A block's first verdict has `isFirst`.
 */
export class Client {
  #session;
  #tell;
  #clock = new ServerClock();
  #catchUp = new CatchUp();
  #outbox = new Outbox();
  #lines = new Map(); // block -> its received lines
  #answers = [];
  #isLeaving = false;
  #cursors;
  #builder;

  constructor(session, tell) {
    this.#session = session;
    this.#tell = tell;
    this.#cursors = new Cursors(session.feeds);
    this.#builder = new BlockBuilder(session, this.#clock);
  }

  /** The first and last frames of the server on this connection; null until received. */
  welcome = null;
  farewell = null;
  /** Whether the server has sent a message or heartbeat on this connection. */
  isProven = false;

  /** Number of messages in the block being collected. */
  get count() {
    return this.#builder.count;
  }

  /** Number of reports that the server has not acknowledged. */
  get unacknowledged() {
    return this.#outbox.size;
  }

  /** Stop collecting: a block finished from now on would not be acknowledged. */
  leave() {
    this.#isLeaving = true;
  }

  /** Reset the state of the last connection; return the query of the next one's URL. */
  connect() {
    this.welcome = this.farewell = null;
    this.isProven = false;
    this.#answers = [];
    this.#outbox.connect();
    const { client, feeds, size, key } = this.#session;
    const query = new URLSearchParams({ client, block_size: size, session: key });
    for (const feed of feeds) query.append("feed", feed);
    for (const [name, value] of this.#cursors.parameters()) query.append(name, value);
    return query;
  }

  /** Record that the connection was lost. */
  lost() {
    this.#builder.interrupt();
  }

  /** Resend the reports from a block on. */
  repeat(first) {
    this.#outbox.repeat(first);
  }

  /** Return the frames to send now; none before the welcome. */
  toSend() {
    if (this.welcome === null) return [];
    return [...this.#outbox.take(), ...this.#answers.splice(0)];
  }

  /** Process the text of one frame, received at a stamp; throws Malformed. */
  receive(text, stamp) {
    const frame = read(text);
    this.#clock.notice(stamp);
    if (this.welcome === null && ["message", "gap", "ack", "heartbeat"].includes(frame.type)) {
      throw new Malformed("the first frame is not a welcome");
    }
    switch (frame.type) {
      case "message":
        return this.#message({ ...frame, crc: crc32(text), text }, stamp);
      case "welcome":
        return this.#welcome(frame, stamp);
      case "gap":
        return this.#cursors.gap(frame).forEach((gap) => this.#gap(gap));
      case "ack":
        return this.#ack(frame);
      case "explain":
        return this.#explain(frame.block);
      case "heartbeat":
        this.isProven = true;
        this.#outbox.remind();
        return this.#cursors.heartbeat(frame);
      case "pong":
        return this.#clock.take(frame, stamp);
      case "notice":
        return this.#tell("notice", frame);
      case "error":
        return this.#error(frame);
      case "bye":
        this.farewell = frame;
    }
  }

  #welcome(frame, stamp) {
    this.#cursors.welcome(frame);
    this.#catchUp.begin(frame, stamp);
    this.#clock.renew();
    this.welcome = frame;
    this.#outbox.repeat();
    this.#tell("welcome", frame);
  }

  #message(message, stamp) {
    this.isProven = true;
    if (this.#isLeaving) return;
    const { isNew, gap } = this.#cursors.message(message);
    if (gap !== null) this.#gap(gap);
    if (!isNew) return this.#builder.addDuplicate(message);
    this.#builder.add(message, this.#cursors.epoch(message.feed), stamp);
    if (this.#catchUp.takes(message, stamp)) this.#builder.interrupt();
    this.#tell("message", message);
    if (this.#builder.isFull) this.#finish();
  }

  #gap(gap) {
    this.#builder.addGap(gap);
    if (gap.last >= gap.first || gap.cause === HISTORY) this.#tell("gap", gap);
  }

  #finish() {
    const { report, lines } = this.#builder.finish();
    this.#lines.set(report.block, lines);
    this.#lines.delete(report.block - KEPT_BLOCKS);
    this.#outbox.add(report);
    this.#tell("block", report);
  }

  #ack({ block, verdict, reason = "" }) {
    const isNew = this.#outbox.acknowledge(block);
    if (verdict === "verified") this.#lines.delete(block);
    // The second ack of a broken block explains what is wrong with it.
    if (isNew || verdict === "broken") this.#tell("verdict", { block, verdict, reason, isFirst: isNew });
  }

  #explain(block) {
    const lines = Object.entries(this.#lines.get(block) ?? {});
    const rest = lines.flatMap(([feed, pairs]) => pairs.map((pair) => [feed, pair]));
    if (rest.length === 0) return;
    for (let start = 0; start < rest.length; start += EXPLAINED_LINES) {
      const part = {};
      for (const [feed, pair] of rest.slice(start, start + EXPLAINED_LINES)) (part[feed] ??= []).push(pair);
      const more = start + EXPLAINED_LINES < rest.length;
      this.#answers.push({ type: "explained", block, lines: part, more });
    }
  }

  #error({ text, retryable, block }) {
    if (retryable) return this.#tell("busy", { block: block ?? 1, text });
    if (block === undefined) return this.#tell("notice", { text });
    const isFirst = this.#outbox.refuse(block);
    this.#tell("verdict", { block, verdict: "refused", reason: text, isFirst });
  }
}

function read(text) {
  try {
    const frame = JSON.parse(text);
    if (typeof frame?.type === "string") return frame;
  } catch {
    // reported below, like any other invalid text
  }
  throw new Malformed("the frame is not a JSON object with a type");
}
