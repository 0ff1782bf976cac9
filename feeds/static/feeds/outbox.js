// The reports of a session until the server has acknowledged them.

const WINDOW = 256; // reports under way at once

/** What is to be sent, was sent, and is not acknowledged yet. */
export class Outbox {
  #reports = new Map(); // by block, in their order
  #due = new Set();
  #sent = new Set(); // what this connection sent, in that order
  #reminded = null;

  /** How many reports are not acknowledged. */
  get size() {
    return this.#reports.size;
  }

  /** Keep a report until it is acknowledged or refused, and send it once. */
  add(report) {
    this.#reports.set(report.block, report);
    this.#due.add(report.block);
  }

  /** Forget what the last connection sent. */
  connect() {
    this.#sent.clear();
    this.#due.clear();
    this.#reminded = null;
  }

  /** Send the reports from block `first` on again, in order. */
  repeat(first = 1) {
    for (const block of this.#reports.keys()) if (block >= first) this.#due.add(block);
  }

  /** Send again what was sent last, if it was so already at the last call. */
  remind() {
    if (this.#sent.has(this.#reminded)) this.#due.add(this.#reminded);
    this.#reminded = [...this.#sent].at(-1) ?? null;
  }

  /** Never send this report again: the server will not take it. Return whether it waited. */
  refuse(block) {
    this.#sent.delete(block);
    this.#due.delete(block);
    return this.#reports.delete(block);
  }

  /** Return what is to be sent now, by block. */
  take() {
    const wanted = [...this.#due].sort((a, b) => a - b);
    const taken = [];
    for (const block of wanted) {
      if (!this.#sent.has(block) && this.#sent.size >= WINDOW) continue;
      this.#sent.add(block);
      this.#due.delete(block);
      taken.push(this.#reports.get(block));
    }
    return taken;
  }

  /**
   * Take an acknowledgement; return whether a report waited for it. Servers
   * acknowledge in order, so earlier reports that still wait were lost.
   */
  acknowledge(block) {
    if (this.#sent.has(block)) {
      for (const earlier of this.#sent) {
        this.#sent.delete(earlier);
        if (earlier === block) break;
        this.#due.add(earlier);
      }
    }
    this.#due.delete(block);
    return this.#reports.delete(block);
  }
}
