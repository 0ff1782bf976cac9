// Keeps the page true without a reload: asks what the server would show now
// and fills it in. Without this script the page shows how it was when loaded.
"use strict";

const WATCHED_MS = 1000;
const HIDDEN_MS = 15000;
const PATIENCE_MS = 5000;

const live = document.getElementById("live");
let wake = () => {};

/** Write each value into the element that names it. */
function fill(root, values) {
  for (const element of root.querySelectorAll("[data-field]")) {
    const text = values[element.dataset.field];
    if (element.textContent !== text) element.textContent = text;
  }
  if ("state" in values && root.dataset.state !== values.state) root.dataset.state = values.state;
}

/** Make the list hold exactly these items, keeping the elements it has. */
function fillList(list, template, items) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  while (list.children.length < items.length) list.append(template.content.cloneNode(true));
  items.forEach((values, index) => fill(list.children[index], values));
}

function show(overview) {
  const find = (id) => document.getElementById(id);
  fillList(find("troubles"), find("trouble-template"), overview.troubles);
  fillList(find("feeds"), find("feed-template"), overview.feeds);
  fillList(find("clients"), find("client-template"), overview.clients);
  for (const id of ["totals", "more", "live"]) fill(find(id), overview);
}

/** Say whether the page is true, only when that changes: it is read aloud. */
function say(state, text) {
  if (live.dataset.state === state) return;
  live.dataset.state = state;
  document.getElementById("live-text").textContent = text;
}

async function ask() {
  const response = await fetch(live.dataset.url, {
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

/** Wait for the next look; a page that comes into view looks at once. */
function pause() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, document.hidden ? HIDDEN_MS : WATCHED_MS);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function keepTrue() {
  for (;;) {
    try {
      show(await ask());
      say("live", "Live,");
    } catch {
      say("gone", "The server does not answer; trying again. As of");
    }
    await pause();
  }
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.closest(".example").querySelector("code");
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
}

document.addEventListener("visibilitychange", () => wake());
offerCopies();
keepTrue();
