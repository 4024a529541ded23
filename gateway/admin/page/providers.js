// A card for each provider: how it stands, its last minutes, and what can be done with it.

import { h, follow, mark, say } from "./dom.js";
import { bytes, count, rate, seconds, words } from "./format.js";
import { sparkline } from "./spark.js";
import { changeLimits, moveBreaker, setIntake } from "./orders.js";

const TONES = { running: "good", paused: "warn", draining: "warn", drained: "warn", starting: "calm", backing_off: "bad", stopped: "bad" };
export const toneOf = (state) => TONES[state] ?? "calm";

export function showProviders(container, model) {
  follow(container, model.providers(), (provider) => provider.name, (provider) => card(provider, model));
}

function card(first, model) {
  let provider = first;
  const pill = h("span", { class: "pill" });
  const note = h("p", { class: "note", hidden: true });
  const charts = [
    chart("Requests", "accent", "Requests a second, the last two minutes", perSecond),
    chart("First token", "calm", "Time to the first token, the last two minutes", seconds),
    chart("Errors", "bad", "Failed attempts a second, the last two minutes", perSecond),
  ];
  const meters = [meter("At work"), meter("Bytes"), figure("Requests left"), figure("Tokens left"), figure("Waiting"), figure("Mailbox")];
  const breakers = h("ul", { class: "chips", "aria-label": "Breakers" });
  const keys = h("ul", { class: "chips", "aria-label": "Keys" });
  const pause = button("Pause", () => setIntake(provider.name, provider.state === "paused" ? "resume" : "pause"));
  const drain = button("Drain", () => setIntake(provider.name, isDrained(provider) ? "resume" : "drain"));
  const element = h(
    "article",
    { class: "card", "aria-label": provider.name, "data-provider": provider.name },
    h("header", { class: "card-head" }, h("h3", { text: provider.name, title: provider.name }), pill),
    note,
    h("div", { class: "charts" }, ...charts.map((each) => each.element)),
    h("dl", { class: "meters" }, ...meters.map((each) => each.element)),
    breakers,
    keys,
    h(
      "footer",
      { class: "card-foot" },
      pause,
      drain,
      button("Breaker", () => moveBreaker(provider)),
      button("Limits", () => changeLimits(provider)),
    ),
  );
  return {
    element,
    update(now) {
      provider = now;
      say(pill, words(now.mixed ? `${now.state}, in part` : now.state));
      mark(pill, "data-tone", toneOf(now.state));
      const missing = now.keys.filter((key) => key.state === "missing").map((key) => key.label);
      mark(pill, "title", missing.length ? `Set ${missing.join(" or ")}` : null);
      say(note, now.state === "backing_off" && now.lastError ? now.lastError : "");
      note.hidden = !note.textContent;
      const { name } = now;
      charts[0].update(model.rates(name, "requests"), perSecond(model.recent(name, "requests")), 1);
      charts[1].update(model.firstTokens(name), seconds(model.firstToken(name)), 0.05);
      charts[2].update(model.rates(name, "errors"), perSecond(model.recent(name, "errors")), 1);
      meters[0].update(`${count(now.used)} / ${count(now.most)}`, now.used / now.most);
      meters[1].update(`${bytes(now.memory)} / ${bytes(now.memoryLimit)}`, now.memory / now.memoryLimit);
      meters[2].update(now.requests == null ? "no limit" : count(now.requests));
      meters[3].update(now.tokens == null ? "no limit" : count(now.tokens));
      meters[4].update(count(now.waiting));
      meters[5].update(count(now.mailbox));
      follow(breakers, breakersWorthSaying(now), (breaker) => breaker.model, breakerChip);
      follow(keys, now.keys.filter((key) => key.state !== "ready"), (key) => key.label, keyChip);
      say(pause, now.state === "paused" ? "Resume" : "Pause");
      say(drain, isDrained(now) ? "Resume" : "Drain");
    },
  };
}

const perSecond = (value) => `${rate(value)}/s`;

const isDrained = (provider) => provider.state === "draining" || provider.state === "drained";

const button = (text, act) => h("button", { class: "button small", type: "button", text, on: { click: act } });

function chart(title, tone, label, peak) {
  const line = sparkline(tone, label);
  const value = h("span", { class: "chart-value", text: "–" });
  const element = h("div", { class: "chart" }, h("div", { class: "chart-head" }, h("span", { text: title }), value), line.element);
  return {
    element,
    update(series, text, floor) {
      say(value, text);
      line.update(series, floor);
      const known = series.filter((one) => one != null);
      mark(element, "title", known.length ? `At most ${peak(Math.max(...known))} in the last two minutes` : null);
    },
  };
}

function figure(title) {
  const value = h("dd", { text: "–" });
  return { element: h("div", { class: "meter" }, h("dt", { text: title }), value), update: (text) => say(value, text) };
}

function meter(title) {
  const inner = figure(title);
  const fill = h("i");
  inner.element.append(h("div", { class: "bar", "aria-hidden": "true" }, fill));
  return {
    element: inner.element,
    update(text, share) {
      inner.update(text);
      const full = Math.max(0, Math.min(1, share || 0));
      fill.style.width = `${(full * 100).toFixed(1)}%`;
      mark(fill, "data-tone", full > 0.9 ? "bad" : full > 0.7 ? "warn" : false);
    },
  };
}

/** Those that are not closed, or about to open; one for all where there is nothing to say, and calls go through. */
function breakersWorthSaying({ breakers, state }) {
  const some = breakers.filter((breaker) => breaker.state !== "closed" || breaker.failures).slice(0, 8);
  return some.length || !breakers.length || state === "no_key" ? some : [{ model: "", state: "closed", failures: 0 }];
}

function breakerChip() {
  const whose = h("span", { class: "of" });
  const how = h("span");
  const element = h("li", { class: "chip split" }, whose, " ", how);
  return {
    element,
    update(breaker) {
      const of = breaker.model === "*" ? "host" : breaker.model || "breakers";
      say(whose, of);
      say(how, `${words(breaker.state)}${untilWhen(breaker)}`);
      mark(element, "title", of);
      mark(element, "data-tone", { closed: breaker.failures ? "warn" : null, half_open: "warn", open: "bad" }[breaker.state]);
      mark(element, "data-breaker", `${breaker.model} ${breaker.state}`);
    },
  };
}

function untilWhen({ state, held, opensIn, failures }) {
  if (state !== "open") return failures ? `, ${failures} failed` : "";
  if (held) return ", until closed";
  return opensIn < 0.001 ? ", next call probes" : `, ${seconds(opensIn)}`;
}

function keyChip() {
  const element = h("li", { class: "chip" });
  return {
    element,
    update(key) {
      say(element, `${key.label} ${words(key.state)}${key.cooldown_s > 0 ? `, ${seconds(key.cooldown_s)}` : ""}`);
      mark(element, "data-tone", { revoked: "bad", cooling_down: "warn" }[key.state]);
    },
  };
}
