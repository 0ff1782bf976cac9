// The connections of a client, one after another, until it leaves or is refused.

import { backoff } from "./backoff.js";
import { Malformed } from "./cursors.js";

const SUBPROTOCOL = "blockfeed.v1";
const OPEN_MS = 10_000; // for the handshake and the welcome
const MISSED_HEARTBEATS = 3;
const FIRST_PINGS = 5;
const FIRST_PING_MS = 200;
const PING_MS = 10_000;
const NOTED_MS = 100; // resolution of the time of the last frame
const BUSY_MS = 1000;
const LEAVE_MS = 3000; // for the last acknowledgements, then again for the close
const DONE = 1000;

/** Return the time by both clocks of the browser, in microseconds. */
function stamp() {
  return { here: Math.round(performance.now() * 1000), wall: Date.now() * 1000 };
}

/**
 * The connection of one client to the server; a token is for a server that needs one.
 *
 * `tell(event, values)` is called with: connecting, waiting {reason, seconds},
 * done {reason}. done is the last event; its reason is empty if the client left.
 */
export class Connection {
  #address;
  #offered;
  #client;
  #tell;
  #delays = backoff(Math.random);
  #socket = null;
  #silence = 0;
  #pings = 0;
  #retry = 0;
  #isLeaving = false;
  #hasSaidBye = false;
  #heard = 0;

  constructor(address, client, tell, token = "") {
    this.#address = address;
    this.#offered = token ? [SUBPROTOCOL, token] : [SUBPROTOCOL];
    this.#client = client;
    this.#tell = tell;
  }

  /** Connect, and reconnect until done. */
  start() {
    this.#tell("connecting", {});
    const socket = new WebSocket(`${this.#address}?${this.#client.connect()}`, this.#offered);
    this.#socket = socket;
    let broken = "";
    socket.onmessage = ({ data }) => {
      try {
        this.#client.receive(data, stamp());
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        broken = `the server breaks the protocol: ${error.message}`;
        return this.#drop(socket, broken);
      }
      this.#listen(socket);
      this.flush();
    };
    socket.onclose = ({ code }) => this.#closed(socket, code, broken);
    this.#expect(socket, OPEN_MS);
  }

  /** Send the client's pending frames. */
  flush() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    for (const frame of this.#client.toSend()) this.#socket.send(JSON.stringify(frame));
    if (this.#isLeaving && this.#client.unacknowledged === 0) this.#bye();
  }

  /** Resend reports from a block on, after a pause. */
  repeatLater(block) {
    setTimeout(() => {
      this.#client.repeat(block);
      this.flush();
    }, BUSY_MS);
  }

  /** Leave: say bye after the last acknowledgements, and let the server close. */
  leave() {
    this.#isLeaving = true;
    this.#client.leave();
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return this.#finish("");
    this.flush();
    setTimeout(() => this.#bye(), LEAVE_MS);
    setTimeout(() => this.#drop(socket, ""), 2 * LEAVE_MS);
  }

  /** Say bye at once, because the page is closing. */
  abandon() {
    this.#isLeaving = true;
    this.#bye();
  }

  #bye() {
    if (this.#hasSaidBye || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type: "bye" }));
    this.#hasSaidBye = true;
  }

  #listen(socket) {
    const { welcome } = this.#client;
    if (welcome === null) return;
    if (this.#pings === 0) this.#ping(socket, FIRST_PINGS);
    // Not for each message: resetting the timer costs as much as handling one.
    if (performance.now() - this.#heard < NOTED_MS) return;
    this.#heard = performance.now();
    this.#expect(socket, MISSED_HEARTBEATS * welcome.heartbeat * 1000);
  }

  #ping(socket, first) {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({ type: "ping", t0: stamp().here }));
    this.#pings = setTimeout(() => this.#ping(socket, first - 1), first > 0 ? FIRST_PING_MS : PING_MS);
  }

  /** Set the time limit for the server's next frame. */
  #expect(socket, milliseconds) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#drop(socket, "the server fell silent"), milliseconds);
  }

  /** End a useless connection without waiting for the server. */
  #drop(socket, reason) {
    if (socket !== this.#socket) return;
    socket.close();
    this.#closed(socket, 0, reason);
  }

  #closed(socket, code, broken) {
    if (socket !== this.#socket) return;
    socket.onmessage = socket.onclose = null;
    this.#socket = null;
    clearTimeout(this.#silence);
    clearTimeout(this.#pings);
    this.#pings = 0;
    const { farewell, welcome, isProven } = this.#client;
    const reason = broken || farewell?.reason || (welcome ? "the connection broke" : "the server does not answer");
    this.#client.lost();
    if (this.#isLeaving || code === DONE) return this.#finish("");
    if (code >= 4500 && code <= 4999) return this.#finish(reason);
    if (isProven) this.#delays = backoff(Math.random);
    const seconds = (farewell?.retry_after ?? 0) + this.#delays.next().value;
    this.#tell("waiting", { reason, seconds });
    this.#retry = setTimeout(() => this.start(), seconds * 1000);
  }

  #finish(reason) {
    if (this.#socket) this.#socket.onclose = null;
    this.#socket?.close();
    this.#socket = null;
    this.#tell("done", { reason });
  }
}
