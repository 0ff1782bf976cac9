// Details of a message or a client, opened over the page by a click or by Enter on its link.
// Each link leads to a page of its own, which is what opens where there is no script.

const PATIENCE_MS = 5000;
const NO_ANSWER = "The server does not answer. Close this and try again.";

/** The dialog that shows the card of one page after another. */
export class Card {
  #dialog;
  #place;
  #asked = 0; // counts, so that an answer that comes late does not replace a newer one

  constructor(dialog) {
    this.#dialog = dialog;
    this.#place = dialog.querySelector(".card-place");
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    // The dialog itself is only its backdrop; what it shows lies above.
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }

  /** Open the cards of the links in a list, also by a click on the rest of a row. */
  serve(list) {
    list.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (!getSelection().isCollapsed) return;
      const link = event.target.closest("tr")?.querySelector("a[data-card]");
      if (!link?.hasAttribute("href")) return;
      event.preventDefault();
      this.open(link.href);
    });
  }

  /** Show what the page at *url* says of one thing. */
  async open(url) {
    const asked = ++this.#asked;
    this.#place.textContent = "Loading";
    if (!this.#dialog.open) this.#dialog.showModal();
    const card = await read(url);
    if (asked === this.#asked) this.#place.replaceChildren(card);
  }
}

/** Return the card in the page at *url*, or a sentence in its place. */
async function read(url) {
  try {
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return document.adoptNode(page.querySelector("#card") ?? page.querySelector("main"));
  } catch {
    return document.createTextNode(NO_ANSWER);
  }
}
