// The page at /: feeds, clients, the newest messages, and a client to try.

import { Card } from "./card.js";
import { fill, fillList } from "./filling.js";
import { Overview } from "./overview.js";
import { Panel } from "./panel.js";
import { Sparklines } from "./sparklines.js";
import { Stream } from "./stream.js";

const COPIED_MS = 2000;

const find = (id) => document.getElementById(id);
const live = find("live");
const rows = find("messages");
const stream = new Stream(rows, find("message-template"), Number(rows.dataset.most));
const panel = new Panel(find("client"), address(), shown);
const sparklines = new Sparklines();
const card = new Card(find("card-dialog"));
const overview = new Overview(live.dataset.url, () => ({ watch: rows.dataset.feed, drawn: sparklines.drawn }));

/**
 * Return the WebSocket address, which is the page's own but for the scheme.
 *
 * The address shown on the page comes from the server, which may not know of a proxy
 * that terminates TLS. A page loaded by TLS may only connect by TLS.
 */
function address() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${location.pathname}`;
}

/** Return the time of day in UTC of microseconds since 1970, in the server's format. */
function timeOfDay(us) {
  return new Date(us / 1000).toISOString().slice(11, 23);
}

/** Show a message of the client at once, if its feed is being watched. */
function shown({ feed, offset, at, text }) {
  if (feed !== rows.dataset.feed) return;
  // The record as sent: the last member of the line.
  const record = text.slice(text.indexOf('"data":') + '"data":'.length, -1);
  stream.add({ offset, at: timeOfDay(at), at_us: at, record });
}

/** Mark the watched feed, and show its state. */
function mark(feeds) {
  for (const link of find("feeds").querySelectorAll("[data-link]")) {
    if (link.textContent === rows.dataset.feed) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  find("watched").textContent = rows.dataset.feed;
  const feed = feeds?.find(({ name }) => name === rows.dataset.feed);
  if (!feed) return;
  find("stream").dataset.state = feed.state;
  find("stream-sentence").textContent = feed.sentence;
}

function show(now) {
  fillList(find("troubles"), find("trouble-template"), now.troubles);
  fillList(find("feeds"), find("feed-template"), now.feeds);
  fillList(find("clients"), find("client-template"), now.clients);
  fillList(find("sizes"), find("size-template"), now.sizes);
  fill(find("health"), now.health);
  sparklines.show(now.sparklines, find("totals"), find("feeds"));
  for (const id of ["totals", "more", "live", "broken", "sizes-caption"]) fill(find(id), now);
  panel.offer(now.feeds.filter(({ state }) => state !== "switched off").map(({ name }) => name));
  // A feed chosen after this request is shown by the next answer.
  if (!rows.dataset.feed) rows.dataset.feed = now.watched.feed;
  if (now.watched.feed === rows.dataset.feed) stream.show(now.watched.messages);
  mark(now.feeds);
}

/** Say whether the page is current, only when that changes: screen readers read it aloud. */
function say(state, text) {
  live.dataset.state = state;
  // The state at the last answer may no longer be true.
  if (state === "gone") {
    fill(find("health"), { state: "bad", word: "Unknown", reason: text.replace(/ As of$/, "") });
  }
  const sentence = find("live-text");
  if (sentence.textContent !== text) sentence.textContent = text;
}

/** Watch another feed, without a reload. */
function choose(event) {
  const link = event.target.closest("[data-link]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.replaceState(null, "", link.href);
  rows.dataset.feed = link.textContent;
  stream.clear();
  mark();
  overview.hurry();
}

function offerHold() {
  const button = find("hold");
  button.hidden = false;
  const isHeld = () => button.getAttribute("aria-pressed") === "true";
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", !isHeld());
    stream.hold(isHeld());
  });
  // A row with the keyboard focus must not disappear from the list.
  rows.addEventListener("focusin", ({ target }) => {
    if (!target.matches(":focus-visible")) return;
    stream.hold(true);
    find("held").textContent = isHeld() ? "" : "Held while a record has the focus";
  });
  rows.addEventListener("focusout", () => {
    stream.hold(isHeld());
    find("held").textContent = "";
  });
}

/** Show all clients on request; a phone shows only the first ones. */
function offerAll() {
  const button = find("all-clients");
  button.addEventListener("click", () => {
    document.querySelector(".clients-box").dataset.all = "";
  });
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.closest(".copied").querySelector("code");
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
    });
  }
}

find("feeds").addEventListener("click", choose);
card.serve(rows);
card.serve(find("clients"));
offerHold();
offerAll();
offerCopies();
overview.keep(show, say);
