// The newest messages of the watched feed: a few rows, newest first.

import { make } from "./filling.js";

/** The rows of one feed. */
export class Stream {
  #rows;
  #template;
  #most;
  #last = 0;
  #lastUs = 0; // when the last message was due
  #isLive = false; // whether it came from the client in the page
  #isHeld = false;

  constructor(rows, template, most) {
    this.#rows = rows;
    this.#template = template;
    this.#most = most;
    this.#last = Number(rows.querySelector("[data-field=offset]")?.textContent ?? 0);
    this.#lastUs = Number(rows.dataset.lastUs);
  }

  /** Freeze the rows, or unfreeze them; an empty list is still filled once. */
  hold(isHeld) {
    this.#isHeld = isHeld;
  }

  /** Remove all rows, because another feed is watched. */
  clear() {
    this.#rows.replaceChildren();
    this.#last = this.#lastUs = 0;
    this.#isLive = false;
  }

  /** Add the feed's newest messages, newest first, except those already shown. */
  show(messages) {
    if (this.#isHeld && this.#last > 0) return;
    if (this.#isReplaced(messages)) this.clear();
    const isFresh = this.#last > 0;
    for (const message of [...messages].reverse()) this.#put(message, isFresh, false);
  }

  /** Add one message that was just received, unless a newer one is shown. */
  add(message) {
    if (!this.#isHeld) this.#put(message, true, true);
  }

  /**
   * Tell whether the newest message is from another feed of the same name.
   *
   * In one feed later messages have higher offsets. A message with a lower offset that
   * was also due earlier is just older than those from the client in the page.
   */
  #isReplaced([end]) {
    if (end === undefined) return !this.#isLive;
    return end.offset < this.#last && end.at_us > this.#lastUs;
  }

  /** Insert a message on top, unless a newer one is shown; mark it if it is fresh. */
  #put(message, isFresh, isLive) {
    if (message.offset <= this.#last) return;
    const row = make(this.#template, message);
    const { card, feed } = this.#rows.dataset;
    const query = new URLSearchParams({ feed, offset: message.offset });
    row.querySelector("[data-card]").href = `${card}?${query}`;
    row.classList.toggle("fresh", isFresh);
    row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
    this.#rows.prepend(row);
    this.#last = message.offset;
    this.#lastUs = message.at_us;
    this.#isLive = isLive;
    while (this.#rows.children.length > this.#most) this.#rows.lastElementChild.remove();
  }
}
