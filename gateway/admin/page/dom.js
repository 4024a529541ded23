// Elements, and lists of them that follow data without losing focus or hover.

export const byId = (id) => document.getElementById(id);

/** An element; `attributes` may hold `on` (listeners), `text`, and anything else as an attribute. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, heard] of Object.entries(value)) element.addEventListener(event, heard);
    else if (name === "text") element.textContent = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes only what is new, so that nothing is laid out again that has not changed. */
export function say(element, text) {
  const written = String(text);
  if (element.textContent !== written) element.textContent = written;
}

export function mark(element, name, value) {
  if (value === false || value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** One child of `parent` for each item, in their order; `make` gives {element, update}. */
export function follow(parent, items, key, make) {
  const known = parent.parts ?? (parent.parts = new Map());
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    seen.add(name);
    let part = known.get(name);
    if (!part) known.set(name, (part = make(item)));
    part.update(item);
    if (part.element === place) place = place.nextElementSibling;
    else parent.insertBefore(part.element, place);
  }
  for (const [name, part] of known) {
    if (seen.has(name)) continue;
    part.element.remove();
    known.delete(name);
  }
}
