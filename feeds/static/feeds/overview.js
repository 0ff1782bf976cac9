// Refreshes the page without a reload, by polling the server. Without scripts the
// page shows its state when loaded.

const WATCHED_MS = 1000;
const HIDDEN_MS = 15_000;
const PATIENCE_MS = 5000;
const GONE = "The server does not answer; trying again. As of";

/** The polled overview of the server. */
export class Overview {
  #url;
  #wake = () => {};

  /** Poll a URL; `ask()` returns the query, such as the feed being watched. */
  constructor(url, ask) {
    this.#url = url;
    this.ask = ask;
  }

  /** Poll now instead of at the next interval. */
  hurry() {
    this.#wake();
  }

  /** Pass each answer to `show`, for ever; call `say(state, sentence)` with the state. */
  async keep(show, say) {
    document.addEventListener("visibilitychange", () => this.hurry());
    for (;;) {
      try {
        const response = await this.#ask();
        if (response.ok) {
          show(await response.json());
          say("live", "Live,");
        } else {
          say("gone", await sentence(response));
        }
      } catch {
        say("gone", GONE);
      }
      await this.#pause();
    }
  }

  #ask() {
    const url = `${this.#url}?${new URLSearchParams(this.ask())}`;
    return fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  #pause() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, document.hidden ? HIDDEN_MS : WATCHED_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Return the sentence of a server that reports a problem. */
async function sentence(response) {
  if (response.status !== 503) return GONE;
  const { trouble } = await response.json();
  return `${trouble}. As of`;
}
