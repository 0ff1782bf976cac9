// Refreshes the dashboard without a reload: polls the server and fills in the
// values. Polls fast while the page is visible, slowly while it is hidden.
"use strict";

const WATCHED_MS = 2000;
const LONG_MS = 30000; // a day or a week changes slowly, and costs more
const HIDDEN_MS = 15000;
const PATIENCE_MS = 10000;
const SIGNED_OUT = 403;

const page = document.getElementById("dashboard");
let wake = () => {};

/** Write each value into the element that names it. */
function fill(root, values) {
  for (const element of root.querySelectorAll("[data-field]")) {
    const text = values[element.dataset.field];
    if (text !== undefined && element.textContent !== text) element.textContent = text;
  }
}

/** Set the address of each link from the values. */
function lead(root, values) {
  for (const element of root.querySelectorAll("[data-href]")) {
    const address = values[element.dataset.href];
    if (element.getAttribute("href") !== address) element.setAttribute("href", address);
  }
}

/** Make the rows match the feeds, reusing the existing elements. */
function fillFeeds(feeds) {
  const rows = document.getElementById("feeds");
  if (!rows) return;
  const template = document.getElementById("feed-template");
  while (rows.children.length > feeds.length) rows.lastElementChild.remove();
  while (rows.children.length < feeds.length) rows.append(template.content.cloneNode(true));
  feeds.forEach((feed, index) => {
    fill(rows.children[index], feed);
    lead(rows.children[index], feed);
    rows.children[index].dataset.state = feed.state;
  });
}

function fillTile(element, tile) {
  fill(element, tile);
  element.dataset.state = tile.state;
}

function fillCharts(charts, isEmpty) {
  const box = document.getElementById("charts");
  if (!box) return;
  box.hidden = isEmpty;
  document.getElementById("no-history").hidden = !isEmpty;
  const abouts = box.querySelectorAll("[data-about]");
  // A chart of outages or of plain clients came or went.
  if (abouts.length !== charts.length) return location.reload();
  abouts.forEach((about, index) => (about.textContent = charts[index].about));
  box.querySelectorAll("canvas").forEach((canvas, index) => {
    const chart = Chart.getChart(canvas);
    const data = JSON.parse(charts[index].data);
    if (!chart) return;
    chart.data.labels = data.labels;
    chart.data.datasets = data.datasets.map((line, at) => Object.assign(chart.data.datasets[at] ?? {}, line));
    chart.update("none");
  });
}

function fillOutages(now) {
  const line = document.getElementById("outages");
  if (!line) return;
  line.hidden = now.is_empty;
  if (line.textContent !== now.outages) line.textContent = now.outages;
}

function show(now) {
  fill(page.querySelector(".dashboard-live"), now);
  const tiles = document.getElementById("tiles");
  if (tiles) now.tiles.forEach((tile, index) => fillTile(tiles.children[index], tile));
  fillFeeds(now.feeds);
  fillCharts(now.charts, now.is_empty);
  fillOutages(now);
}

/** Say whether the page is current, only when that changes: screen readers read it aloud. */
function say(state, text) {
  if (page.dataset.state === state) return;
  page.dataset.state = state;
  document.getElementById("dashboard-live").textContent = text;
}

/** Refresh once; return whether to continue. */
async function look() {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(page.dataset.url, { cache: "no-store", signal });
    if (response.status === SIGNED_OUT) {
      say("out", "You are signed out; reload the page. As of");
      return false;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
    say("live", "Live,");
  } catch {
    say("gone", "The server does not answer; trying again. As of");
  }
  return true;
}

/** Wait for the next refresh; a page that becomes visible refreshes at once. */
function pause() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, page.dataset.span !== "hour" ? LONG_MS : document.hidden ? HIDDEN_MS : WATCHED_MS);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function keepCurrent() {
  while (await look()) await pause();
}

document.addEventListener("visibilitychange", () => wake());
keepCurrent();
