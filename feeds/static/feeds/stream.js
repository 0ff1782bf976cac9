// The newest messages of the feed that is looked at: a few rows, the newest first.

import { make } from "./filling.js";

/** The rows of one feed. */
export class Stream {
  #rows;
  #template;
  #most;
  #last = 0;
  #isHeld = false;

  constructor(rows, template, most) {
    this.#rows = rows;
    this.#template = template;
    this.#most = most;
    this.#last = Number(rows.querySelector("[data-field=offset]")?.textContent ?? 0);
  }

  /** Show no other message until told otherwise. */
  hold(isHeld) {
    this.#isHeld = isHeld;
  }

  /** Forget the feed; another one is looked at. */
  clear() {
    this.#rows.replaceChildren();
    this.#last = 0;
  }

  /** Take the newest messages, the newest first; what is shown already is left out. */
  show(messages) {
    if (this.#isHeld) return;
    // An end before what is shown: the feed is another one of that name.
    if (messages.length === 0 || messages[0].offset < this.#last - this.#most) this.clear();
    const isFresh = this.#last > 0;
    for (const message of [...messages].reverse()) this.add(message, isFresh);
  }

  /** Take one message, unless a newer one is shown; mark it where it just came. */
  add(message, isFresh = true) {
    if (this.#isHeld || message.offset <= this.#last) return;
    const row = make(this.#template, message);
    row.classList.toggle("fresh", isFresh);
    row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
    this.#rows.prepend(row);
    this.#last = message.offset;
    while (this.#rows.children.length > this.#most) this.#rows.lastElementChild.remove();
  }
}
