// Refreshes the visible rows of the list of sessions by polling, often while the
// tab is visible and rarely while it is hidden. Without this script the list shows
// its state when loaded.
"use strict";

const WATCHED_MS = 2000;
const HIDDEN_MS = 30000;
const PATIENCE_MS = 5000;

const cells = [...document.querySelectorAll("[data-session]")];
let wake = () => {};

/** Say whether the rows are current, only when that changes: screen readers read it aloud. */
function say(text) {
  let line = document.getElementById("rows-state");
  if (!line) {
    line = document.createElement("p");
    line.id = "rows-state";
    line.role = "status";
    document.getElementById("changelist").before(line);
  }
  if (line.textContent !== text) line.textContent = text;
}

function show(rows) {
  for (const element of cells) {
    const row = rows[element.dataset.session];
    if (!row) continue; // the session was removed
    const text = row[element.dataset.field];
    if (element.textContent !== text) element.textContent = text;
    if (element.dataset.field === "state") element.dataset.state = row.state;
  }
}

async function ask() {
  const keys = new Set(cells.map((element) => element.dataset.session));
  const asked = new URLSearchParams([...keys].map((key) => ["id", key]));
  const response = await fetch(`rows.json?${asked}`, {
    cache: "no-store",
    redirect: "error", // to the sign-in page
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

/** Wait for the next refresh; a page that becomes visible refreshes at once. */
function pause() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, document.hidden ? HIDDEN_MS : WATCHED_MS);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function keepCurrent() {
  for (;;) {
    try {
      show(await ask());
      say("");
    } catch {
      say("The server does not answer, or you are signed out; trying again.");
    }
    await pause();
  }
}

document.addEventListener("visibilitychange", () => wake());
if (cells.length) keepCurrent();
