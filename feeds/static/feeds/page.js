// The page on /: what runs, what is sent now, and a client to try it with.

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
 * Return the address of the feeds, by the page's own.
 *
 * The one that the page shows is the server's, which may not know of a proxy that
 * ends TLS; and from a page that came by TLS a browser connects by nothing else.
 */
function address() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`;
}

/** Return the time of day in UTC of microseconds since 1970, as the server shows it. */
function timeOfDay(us) {
  return new Date(us / 1000).toISOString().slice(11, 23);
}

/** Show a message of the client at once, if it is of the feed that is looked at. */
function shown({ feed, offset, at, text }) {
  if (feed !== rows.dataset.feed) return;
  // The record as it was sent: the last member of the line.
  const record = text.slice(text.indexOf('"data":') + '"data":'.length, -1);
  stream.add({ offset, at: timeOfDay(at), at_us: at, record });
}

/** Say which feed is looked at, and what it does. */
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
  // A feed that was chosen after this was asked for is shown by the next answer.
  if (!rows.dataset.feed) rows.dataset.feed = now.watched.feed;
  if (now.watched.feed === rows.dataset.feed) stream.show(now.watched.messages);
  mark(now.feeds);
}

/** Say whether the page is true, only when that changes: it is read aloud. */
function say(state, text) {
  live.dataset.state = state;
  // What was true when the server last answered is not what is true now.
  if (state === "gone") {
    fill(find("health"), { state: "bad", word: "Not known now", reason: text.replace(/ As of$/, "") });
  }
  const sentence = find("live-text");
  if (sentence.textContent !== text) sentence.textContent = text;
}

/** Look at another feed, without a reload. */
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
  // A row that is reached by the keyboard must not leave the list under its reader.
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

/** A phone shows the first clients only, until all are asked for. */
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
