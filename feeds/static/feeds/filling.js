// Values written into the elements that name them, so that a page whose
// template the server filled in is kept true without being built again.

/** Write each value into the element that names it by a data attribute. */
export function fill(root, values) {
  for (const element of root.querySelectorAll("[data-field]")) {
    const text = values[element.dataset.field] ?? "";
    if (element.textContent !== `${text}`) element.textContent = text;
  }
  for (const element of root.querySelectorAll("[data-width]")) {
    element.setAttribute("width", values[element.dataset.width]);
  }
  for (const element of root.querySelectorAll("[data-link]")) {
    element.href = element.dataset.link + encodeURIComponent(values[element.dataset.key ?? element.dataset.field]);
  }
  if ("state" in values && root.dataset.state !== values.state) root.dataset.state = values.state;
}

/** Make an element of a template, with these values. */
export function make(template, values) {
  const element = template.content.firstElementChild.cloneNode(true);
  fill(element, values);
  return element;
}

/** Make the list hold exactly these items, keeping the elements it has. */
export function fillList(list, template, items) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  items.forEach((values, index) => {
    if (index < list.children.length) fill(list.children[index], values);
    else list.append(make(template, values));
  });
}
