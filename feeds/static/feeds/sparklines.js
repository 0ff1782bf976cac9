// Sparklines: the last ten minutes of feeds and figures, drawn into empty SVG elements.

/** All lines of the page. */
export class Sparklines {
  #lines = { drawn: "", tiles: [], feeds: [] };

  /** The id of the current drawing, which the server does not send again. */
  get drawn() {
    return this.#lines.drawn;
  }

  /** Draw `lines`, or the previous ones if null, since the list of feeds may have changed. */
  show(lines, tiles, feeds) {
    this.#lines = lines ?? this.#lines;
    const byTile = named(this.#lines.tiles);
    for (const svg of tiles.querySelectorAll("[data-tile]")) draw(svg, byTile.get(svg.dataset.tile));
    const byFeed = named(this.#lines.feeds);
    for (const feed of feeds.children) {
      draw(feed.querySelector(".spark"), byFeed.get(feed.querySelector("[data-field=name]").textContent));
    }
  }
}

const named = (lines) => new Map(lines.map((line) => [line.name, line]));

function draw(svg, line) {
  const { path, said } = line ?? { path: "", said: "No data for the last 10 minutes" };
  const drawn = svg.querySelector("path");
  if (drawn.getAttribute("d") !== path) drawn.setAttribute("d", path);
  if (svg.getAttribute("aria-label") !== said) svg.setAttribute("aria-label", said);
}
