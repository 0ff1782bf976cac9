// The newest messages of the feed that is looked at: a few rows, the newest first.

import { make } from "./filling.js";

/** The rows of one feed. */
export class Stream {
  #rows;
  #template;
  #most;
  #last = 0;
  #lastUs = 0; // when the last one was due
  #isLive = false; // whether it came by the client in the page
  #isHeld = false;

  constructor(rows, template, most) {
    this.#rows = rows;
    this.#template = template;
    this.#most = most;
    this.#last = Number(rows.querySelector("[data-field=offset]")?.textContent ?? 0);
    this.#lastUs = Number(rows.dataset.lastUs);
  }

  /** Keep the rows that are shown until told otherwise; an empty list is filled once. */
  hold(isHeld) {
    this.#isHeld = isHeld;
  }

  /** Forget the feed; another one is looked at. */
  clear() {
    this.#rows.replaceChildren();
    this.#last = this.#lastUs = 0;
    this.#isLive = false;
  }

  /** Take the end of the feed as it was lately, the newest first; what is shown already is left out. */
  show(messages) {
    if (this.#isHeld && this.#last > 0) return;
    if (this.#isReplaced(messages)) this.clear();
    const isFresh = this.#last > 0;
    for (const message of [...messages].reverse()) this.#put(message, isFresh, false);
  }

  /** Take one message that just came, unless a newer one is shown. */
  add(message) {
    if (!this.#isHeld) this.#put(message, true, true);
  }

  /**
   * Tell whether an end is that of another feed of the same name.
   *
   * Of one feed a later message has a higher offset. An end before what is shown that
   * was also due before it is only older than what came by the client in the page.
   */
  #isReplaced([end]) {
    if (end === undefined) return !this.#isLive;
    return end.offset < this.#last && end.at_us > this.#lastUs;
  }

  /** Put a message on top, unless a newer one is there; mark it where it just came. */
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
