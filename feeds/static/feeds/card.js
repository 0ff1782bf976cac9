// Cards with the details of a message or a client, opened by a click or Enter on its link.
// Each link is the address of a separate page, which opens if scripts are off.

const PATIENCE_MS = 5000;
const NO_ANSWER = "The server does not answer. Close this and try again.";

/** The dialog that shows cards. */
export class Card {
  #dialog;
  #place;
  #asked = 0; // a counter, so that a late answer does not replace a newer one

  constructor(dialog) {
    this.#dialog = dialog;
    this.#place = dialog.querySelector(".card-place");
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    // A click on the dialog itself is on its backdrop; its content covers the rest.
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }

  /** Open a card for each click on a row of a list. */
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

  /** Show the card of the page at *url*. */
  async open(url) {
    const asked = ++this.#asked;
    this.#place.textContent = "Loading";
    if (!this.#dialog.open) this.#dialog.showModal();
    const card = await read(url);
    if (asked === this.#asked) this.#place.replaceChildren(card);
  }
}

/** Return the card in the page at *url*, or an error sentence. */
async function read(url) {
  try {
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return document.adoptNode(page.querySelector("#card") ?? page.querySelector("main"));
  } catch {
    return document.createTextNode(NO_ANSWER);
  }
}
