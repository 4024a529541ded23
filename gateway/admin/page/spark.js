// A line of the last two minutes, drawn from the right.

import { svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** {element, update(values, floor)}; a value of null is a gap that the line goes over. */
export function sparkline(tone, label) {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const element = svg("svg", { class: `spark ${tone}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, area, line);
  return {
    element,
    update(values, floor) {
      const known = values.filter((value) => value != null);
      const most = Math.max(floor, ...known);
      const flat = known.every((value) => value === 0); // nothing but the ground
      const points = [];
      values.forEach((value, index) => {
        if (value == null || flat) return;
        const x = WIDTH - (values.length - 1 - index) * (WIDTH / 119);
        points.push(`${x.toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 5)).toFixed(1)}`);
      });
      const path = points.length ? `M${points.join("L")}` : "";
      line.setAttribute("d", path);
      area.setAttribute("d", points.length > 1 ? `${path}L${points.at(-1).split(",")[0]},${HEIGHT}L${points[0].split(",")[0]},${HEIGHT}Z` : "");
    },
  };
}
