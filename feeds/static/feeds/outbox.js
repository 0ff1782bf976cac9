// The reports of a session until the server has acknowledged them.

const WINDOW = 256; // reports in flight at once

/** The reports that are due or sent, but not yet acknowledged. */
export class Outbox {
  #reports = new Map(); // by block, in their order
  #due = new Set();
  #sent = new Set(); // the blocks sent by this connection, in order
  #reminded = null;

  /** Number of reports that are not acknowledged. */
  get size() {
    return this.#reports.size;
  }

  /** Keep a report until it is acknowledged or refused, and send it once. */
  add(report) {
    this.#reports.set(report.block, report);
    this.#due.add(report.block);
  }

  /** Reset the state of the last connection. */
  connect() {
    this.#sent.clear();
    this.#due.clear();
    this.#reminded = null;
  }

  /** Resend the reports from block `first` on, in order. */
  repeat(first = 1) {
    for (const block of this.#reports.keys()) if (block >= first) this.#due.add(block);
  }

  /** Resend the newest report sent, if it was already the newest at the last call. */
  remind() {
    if (this.#sent.has(this.#reminded)) this.#due.add(this.#reminded);
    this.#reminded = [...this.#sent].at(-1) ?? null;
  }

  /** Drop a report, because the server refuses it; return whether it was pending. */
  refuse(block) {
    this.#sent.delete(block);
    this.#due.delete(block);
    return this.#reports.delete(block);
  }

  /** Return the reports to send now, sorted by block. */
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
   * Process an acknowledgement; return whether a report was waiting for it.
   * Servers acknowledge in order, so earlier reports still waiting were lost.
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
