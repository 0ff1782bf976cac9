// Writing values into the elements that name them, so that a page rendered by the
// server is refreshed without being rebuilt.

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

/** Return a new element from a template, filled with values. */
export function make(template, values) {
  const element = template.content.firstElementChild.cloneNode(true);
  fill(element, values);
  return element;
}

/** Make a list show exactly these items, reusing its elements. */
export function fillList(list, template, items) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  items.forEach((values, index) => {
    if (index < list.children.length) fill(list.children[index], values);
    else list.append(make(template, values));
  });
}
