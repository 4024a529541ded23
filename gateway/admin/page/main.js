// The live page: signs in, watches, and shows what it is told.

import { token, watch } from "./api.js";
import { byId, h, follow, mark, say } from "./dom.js";
import { bytes, clock, count, long, rate, seconds } from "./format.js";
import { Model } from "./model.js";
import { levels, onRefused, reload } from "./orders.js";
import { showProviders } from "./providers.js";
import { showActivity, showActors, showRequests } from "./tables.js";

const THEME = "llm-gateway.theme";
const PHASES = { ready: "good", starting: "calm", refusing: "bad", draining: "warn" };
const model = new Model();
let due = false; // a drawing is asked for

function view(name) {
  document.body.dataset.view = name;
  if (name === "sign-in") byId("token").focus();
}

function link(state, text) {
  mark(byId("link"), "data-link", state);
  say(byId("link").querySelector("span"), text);
}

// Showing.

function draw() {
  due = false;
  if (!model.frame) return;
  showFacts();
  showTiles();
  showProviders(byId("providers"), model);
  showProvidersHead();
  showRequests(model);
  showActors(model);
  showActivity(model);
}

function showProvidersHead() {
  const providers = model.providers();
  const open = providers.filter(({ breakers }) => breakers.some(({ state }) => state === "open")).length;
  say(byId("providers-count"), providers.length);
  say(byId("providers-open"), open ? `${open} with an open breaker` : "");
}

function drawSoon() {
  if (due) return;
  due = true;
  // A hidden tab draws nothing until it is looked at; what it is told is kept.
  if (document.hidden) document.addEventListener("visibilitychange", draw, { once: true });
  else requestAnimationFrame(draw);
}

function showFacts() {
  const { workers, absent } = model.frame;
  const phases = workers.map((worker) => worker.phase);
  const phase = phases.find((each) => each !== "ready") ?? "ready";
  const pill = byId("phase");
  pill.hidden = false;
  say(pill, phase);
  mark(pill, "data-tone", PHASES[phase]);
  const facts = [
    `v${workers[0].version}`,
    workers.length + absent.length > 1 ? `${workers.length} of ${workers.length + absent.length} workers` : null,
    `store: ${workers[0].store}`,
    `up ${long(Math.min(...workers.map((worker) => worker.uptime_s)))}`,
  ];
  follow(byId("facts"), facts.filter(Boolean).map((text, index) => ({ text, index })), (fact) => fact.index, () => {
    const element = h("span");
    return { element, update: (fact) => say(element, fact.text) };
  });
  const stale = byId("stale");
  if (absent.length) say(stale, `Worker ${absent.join(", ")} does not answer: what you see is without it.`);
  stale.hidden = absent.length === 0;
}

function showTiles() {
  const requests = model.recent(null, "requests");
  const errors = model.recent(null, "errors");
  const memory = model.frame.workers.map((worker) => worker.memory_bytes);
  const tiles = [
    { title: "Requests", value: rate(requests), unit: "/s" },
    { title: "In flight", value: count(model.inFlight()) },
    { title: "First token", value: seconds(model.firstToken(null)) },
    { title: "Failed attempts", value: rate(errors), unit: "/s", tone: errors > 0 ? "bad" : null },
    { title: "Tokens", value: rate(model.recent(null, "tokens")), unit: "/s" },
    { title: "Memory", value: bytes(memory.includes(null) ? null : memory.reduce((all, each) => all + each, 0)) },
  ];
  follow(byId("tiles"), tiles, (tile) => tile.title, (first) => {
    const value = h("span", { class: "value" });
    const unit = h("span", { class: "unit", text: first.unit ?? "" });
    const element = h("div", { class: "tile" }, h("span", { class: "tile-title", text: first.title }), h("span", { class: "tile-value" }, value, unit));
    return {
      element,
      update(tile) {
        say(value, tile.value);
        mark(element, "data-tone", tile.tone);
      },
    };
  });
}

// Watching.

function heard(name, data) {
  if (name === "snapshot") model.take(data);
  else if (name === "happening") model.add(data);
  drawSoon();
}

async function live() {
  const refusal = await watch({
    onEvent: heard,
    onLive() {
      link("live", "Live");
      document.body.removeAttribute("data-lost");
      byId("leave").hidden = !token.get();
      view("board");
    },
    onLost(pause) {
      link("lost", `Reconnecting in ${seconds(pause / 1000)}`);
      document.body.setAttribute("data-lost", "");
      if (model.frame) {
        say(byId("stale"), `Not connected. What you see is how it stood at ${clock(model.frame.at)}.`);
        byId("stale").hidden = false;
      }
    },
  });
  turnedAway(refusal);
}

function turnedAway(refusal) {
  link("off", "Not connected");
  if (refusal.status === 401) {
    say(byId("token-mistake"), token.get() ? "This is not the token." : "");
    token.forget();
    byId("dialog").close();
    view("sign-in");
  } else {
    say(byId("refused-text"), refusal.message);
    view("refused");
  }
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("token");
  token.set(field.value);
  field.value = "";
  say(byId("token-mistake"), "");
  link("connecting", "Connecting");
  live();
});
byId("try-again").addEventListener("click", () => location.reload());
byId("leave").addEventListener("click", () => {
  token.forget();
  location.reload();
});
byId("reload").addEventListener("click", reload);
byId("levels").addEventListener("click", levels);
onRefused(turnedAway);

// The theme: as the system has it, until somebody chooses.

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

byId("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, next);
  showTheme(next);
});

showTheme(localStorage.getItem(THEME));
live();
