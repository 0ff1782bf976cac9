// Keeps the page true without a reload: asks what the server would show now.
// Without scripts the page shows how it was when loaded.

const WATCHED_MS = 1000;
const HIDDEN_MS = 15_000;
const PATIENCE_MS = 5000;
const GONE = "The server does not answer; trying again. As of";

/** What the server says of itself, asked for again and again. */
export class Overview {
  #url;
  #wake = () => {};

  /** Ask at a URL; `ask()` returns what is asked for, such as the feed that is looked at. */
  constructor(url, ask) {
    this.#url = url;
    this.ask = ask;
  }

  /** Ask at once; the next look was a while away. */
  hurry() {
    this.#wake();
  }

  /** Give `show` what is so, for ever; tell `say(state, sentence)` whether it is true. */
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

/** Return what a server in trouble says of it. */
async function sentence(response) {
  if (response.status !== 503) return GONE;
  const { trouble } = await response.json();
  return `${trouble}. As of`;
}
