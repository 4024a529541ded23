"""Whether people can read a page: how each text on it stands out from what is behind it."""

from __future__ import annotations

from typing import Final

LEAST: Final = 4.5
"""https://www.w3.org/TR/WCAG22/#contrast-minimum"""

FAINT: Final = """
(() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const mixed = new Map();
  const over = (colour, under) => {
    const name = `${colour} on ${under}`;
    if (!mixed.has(name)) {
      for (const style of [under, colour]) (pen.fillStyle = style), pen.fillRect(0, 0, 1, 1);
      mixed.set(name, `rgb(${[...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)})`);
    }
    return mixed.get(name);
  };
  const light = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.match(/\\d+/g).map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  for (const it of document.querySelectorAll("body *")) {
    const says = [...it.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!says || !it.checkVisibility() || it.disabled) continue;
    const layers = [];
    for (let at = it; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    const ground = layers.reduce((under, layer) => over(layer, under), "white");
    const [dim, bright] = [light(over(getComputedStyle(it).color, ground)), light(ground)].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dim + 0.05);
    if (ratio < LEAST) faint.push(`${it.tagName}.${it.className} "${it.textContent.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return faint;
})()
""".replace("LEAST", str(LEAST))
"""The script that finds all that is too faint, with its contrast."""
