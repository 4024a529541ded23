// Figures as people read them.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value) {
  if (value == null) return "–";
  return Math.abs(value) < 10000 ? String(Math.round(value)) : compact.format(value).replace("K", "k");
}

export function rate(value) {
  if (value == null) return "–";
  return value === 0 ? "0" : value < 10 ? value.toFixed(1) : count(value);
}

export function seconds(value) {
  if (value == null) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  return long(value);
}

export function long(value) {
  if (value < 60) return `${Math.floor(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.floor(value % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(value) {
  if (value == null) return "–";
  if (value < 1024) return `${value} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let power = -1;
  do {
    value /= 1024;
    power += 1;
  } while (value >= 1000 && power < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

export const words = (name) => name.replaceAll("_", " ");
