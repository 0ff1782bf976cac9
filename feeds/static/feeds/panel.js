// The panel of the client in the page: its form and its results.

import { Client } from "./client.js";
import { Connection } from "./connection.js";
import { HISTORY } from "./cursors.js";
import { fill, make } from "./filling.js";

const SHOWN_BLOCKS = 8;
const SHOWN_MS = 100; // interval of drawing the progress: nobody reads faster
const KEY_BYTES = 16;

const seconds = (value) => (Math.abs(value) >= 1 ? `${value.toFixed(2)} s` : `${(value * 1000).toFixed(1)} ms`);

/** Return the ranges of a report in words, such as "users 4 to 6, arrays 9". */
function ranges(feeds) {
  const words = Object.entries(feeds).map(([feed, { first, last }]) =>
    first === last ? `${feed} ${first}` : `${feed} ${first} to ${last}`,
  );
  return words.join(", ");
}

/** Return an unguessable key: anyone who has it can resume the session. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The form, the figures and the blocks of the client in the page. */
export class Panel {
  #root;
  #address;
  #watch;
  #connection = null;
  #client = null;
  #size = 0;
  #figures;
  #rows = new Map(); // block -> its row
  #drawing = 0;

  /** `watch(message)` is called with each new message. */
  constructor(root, address, watch) {
    this.#root = root;
    this.#address = address;
    this.#watch = watch;
    const form = this.#find("form");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#connection === null) this.#start(form);
      else this.#stop();
    });
    form.addEventListener("input", () => this.#complain(""));
    addEventListener("pagehide", () => this.#connection?.abandon());
  }

  /** Offer exactly these feeds and keep the choice; no change while a session runs. */
  offer(names) {
    const list = this.#find(".choices");
    const shown = [...list.querySelectorAll("input")].map(({ value }) => value);
    if (this.#connection !== null || shown.join(" ") === names.join(" ")) return;
    const chosen = new Set(this.#chosen());
    const template = document.getElementById("choice-template");
    list.replaceChildren(
      ...names.map((name) => {
        const choice = make(template, { name });
        Object.assign(choice.querySelector("input"), { value: name, checked: chosen.has(name) });
        return choice;
      }),
    );
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #chosen() {
    return [...this.#root.querySelectorAll(".choices input:checked")].map(({ value }) => value);
  }

  #start(form) {
    const feeds = this.#chosen();
    if (feeds.length === 0) return this.#complain("Choose at least one feed.");
    const client = form.elements.client.value.trim();
    this.#size = form.elements.size.valueAsNumber;
    this.#figures = { blocks: 0, verified: 0, broken: 0, messages: 0, reconnects: 0, gaps: 0, latency: "none" };
    this.#rows.clear();
    this.#find("tbody").replaceChildren();
    const session = { client, feeds, size: this.#size, key: newKey() };
    const tell = (event, values) => this.#hear(event, values);
    this.#client = new Client(session, tell);
    this.#connection = new Connection(this.#address, this.#client, tell, this.#root.dataset.token);
    this.#lock(true);
    this.#find(".notice").textContent = "";
    this.#connection.start();
    this.#draw();
  }

  #stop() {
    this.#say("waiting", "Leaving, after the last acknowledgements.");
    this.#connection.leave();
  }

  #hear(event, values) {
    this.#events[event](values);
    this.#draw();
  }

  #events = {
    connecting: () => this.#say("waiting", `Connecting to ${this.#address}`),
    waiting: ({ reason }) => {
      this.#figures.reconnects += 1;
      this.#say("gone", `No connection (${reason}); it reconnects by itself and resumes where it stopped.`);
    },
    welcome: ({ session }) => this.#say("live", `Connected; session ${session.slice(0, 8)} collects blocks of ${this.#size}.`),
    message: (message) => {
      this.#figures.messages += 1;
      this.#watch(message);
    },
    gap: ({ feed, first, last, cause }) => {
      this.#figures.gaps += last - first + 1;
      const rollback = `The history of ${feed} was rolled back; messages after ${last} follow.`;
      this.#note(cause === HISTORY ? rollback : `${feed} ${first} to ${last} are lost.`);
    },
    block: (report) => {
      this.#note("");
      this.#block(report);
    },
    verdict: (ack) => this.#verdict(ack),
    busy: ({ block, text }) => {
      this.#note(text);
      this.#connection.repeatLater(block);
    },
    notice: ({ text }) => this.#note(text),
    done: ({ reason }) => {
      const { blocks, verified } = this.#figures;
      const end = reason ? `The server refuses this client: ${reason}.` : "Left.";
      this.#say(reason ? "gone" : "off", `${end} ${blocks} blocks, ${verified} verified.`);
      this.#connection = null;
      this.#lock(false);
    },
  };

  #block(report) {
    this.#figures.blocks += 1;
    this.#figures.latency = seconds(report.latency.p50);
    const row = make(document.getElementById("block-template"), {
      block: report.block,
      ranges: ranges(report.feeds),
      time: seconds(report.seconds),
      latency: seconds(report.latency.p50),
      verdict: "waiting",
      reason: "",
      state: "waiting",
    });
    this.#rows.set(report.block, row);
    this.#rows.delete(report.block - SHOWN_BLOCKS);
    this.#find("tbody").replaceChildren(...[...this.#rows.values()].reverse());
  }

  #verdict({ block, verdict, reason, isFirst }) {
    const row = this.#rows.get(block);
    if (isFirst && verdict in this.#figures) this.#figures[verdict] += 1;
    if (!row) return;
    row.dataset.state = verdict;
    row.querySelector("[data-field=verdict]").textContent = verdict;
    row.querySelector("[data-field=reason]").textContent = reason;
  }

  #say(state, sentence) {
    this.#root.dataset.state = state;
    this.#find(".sentence").textContent = sentence;
  }

  #note(text) {
    this.#find(".notice").textContent = text;
  }

  #complain(text) {
    this.#find(".complaint").textContent = text;
  }

  #lock(isRunning) {
    for (const set of this.#root.querySelectorAll("fieldset")) set.disabled = isRunning;
    this.#find("button[type=submit]").textContent = isRunning ? "Stop" : "Start";
  }

  /** Schedule drawing the figures: many messages share one update. */
  #draw() {
    if (this.#drawing) return;
    this.#drawing = setTimeout(() => {
      this.#drawing = 0;
      const count = this.#client.count;
      fill(this.#root.querySelector(".figures"), this.#figures);
      Object.assign(this.#find("progress"), { max: this.#size, value: count });
      this.#find(".count").textContent = `${count} of ${this.#size} messages of the next block`;
    }, SHOWN_MS);
  }
}
