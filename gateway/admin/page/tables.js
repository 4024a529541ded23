// The tables: requests in flight, the tree of actors, and what has happened.

import { byId, h, follow, mark, say } from "./dom.js";
import { bytes, clock, count, long, seconds, words } from "./format.js";
import { stateOf } from "./model.js";
import { cancelRequest, inspect, restart } from "./orders.js";
import { toneOf } from "./providers.js";

const STAGES = { streaming: "good", awaiting: "accent", waiting: "warn", backing_off: "warn" };
const UNTOUCHABLE = new Set(["root", "face", "siblings"]);

export function showRequests(model) {
  const rows = model.requests();
  follow(byId("requests"), rows, (row) => row.id, requestRow);
  byId("requests-empty").hidden = rows.length > 0;
  const all = model.inFlight();
  say(byId("requests-count"), all > rows.length ? `${count(all)}, the oldest ${rows.length} shown` : all || "");
}

function requestRow(first) {
  const cell = (label, cls = "") => h("td", { class: cls, "data-label": label });
  const age = cell("Age", "num");
  const stage = cell("Stage");
  const model = cell("Model", "strong");
  const provider = cell("Provider", "named");
  const client = cell("Client", "named");
  const attempts = cell("Attempts", "num");
  const id = cell("Request", "mono");
  const pill = h("span", { class: "pill" });
  stage.append(pill);
  const end = h("button", { class: "button small danger ghost", type: "button", text: "Cancel", "aria-label": `Cancel request ${first.request_id}`, on: { click: () => cancelRequest(first) } });
  const element = h("tr", { "data-request": first.id }, age, stage, model, provider, client, attempts, id, h("td", { class: "acts" }, end));
  return {
    element,
    update(row) {
      say(age, long(row.age_s));
      age.title = `Its deadline is in ${long(Math.max(0, row.deadline_in_s))}`;
      say(pill, words(row.stage));
      mark(pill, "data-tone", STAGES[row.stage] ?? "calm");
      for (const [one, text] of [[model, row.model], [provider, row.provider ?? "–"], [client, row.client || "–"]]) {
        say(one, text);
        mark(one, "title", text);
      }
      say(attempts, row.attempts.length);
      attempts.title = row.attempts.map((each) => `${each.operation}: ${each.provider}/${each.model}, ${each.outcome ?? words(each.stage)}`).join("\n");
      say(id, row.request_id);
      id.title = `${row.endpoint}${row.stream ? ", streamed" : ""}, worker ${row.worker}, ${row.id}`;
    },
  };
}

let chosen = null; // the name of the worker whose actors are shown

export function showActors(model) {
  const workers = model.frame.workers;
  const shown = workers.find((worker) => worker.worker === chosen) ?? workers[0];
  chosen = shown.worker;
  const tabs = byId("workers");
  tabs.hidden = byId("workers-name").hidden = workers.length < 2;
  follow(tabs, workers.length < 2 ? [] : [...workers].sort((a, b) => a.worker - b.worker), (worker) => worker.worker, (worker) => {
    const tab = h("button", { class: "tab", type: "button", text: worker.worker, "aria-label": `Worker ${worker.worker}`, on: { click: () => ((chosen = worker.worker), showActors(model)) } });
    return { element: tab, update: (now) => mark(tab, "aria-pressed", String(now.worker === chosen)) };
  });
  follow(byId("actors"), withDepths(shown.actors), ({ actor }) => actor.name, actorRow);
  say(byId("actors-count"), shown.actors.length);
}

/** Parents come before their children. */
function withDepths(actors) {
  const depths = new Map();
  return actors.map((actor) => {
    const depth = actor.parent === null ? 0 : (depths.get(actor.parent) ?? 0) + 1;
    depths.set(actor.name, depth);
    return { actor, depth };
  });
}

function actorRow() {
  let actor = null;
  const name = h("button", { class: "name", type: "button", on: { click: () => inspect(actor) } });
  const kind = h("span", { class: "kind" });
  const pill = h("span", { class: "pill" });
  const mailbox = h("td", { class: "num", "data-label": "Mailbox" });
  const processed = h("td", { class: "num", "data-label": "Read" });
  const refused = h("td", { class: "num", "data-label": "Refused" });
  const restarts = h("td", { class: "num", "data-label": "Restarts" });
  const up = h("td", { class: "num", "data-label": "Up" });
  const again = h("button", { class: "button small ghost", type: "button", text: "Restart", on: { click: () => restart(actor.name) } });
  const indent = h("td", { class: "actor-name", "data-label": "Name" }, name, kind);
  const element = h("tr", {}, indent, h("td", { "data-label": "State" }, pill), mailbox, processed, refused, restarts, up, h("td", { class: "acts" }, again));
  return {
    element,
    update({ actor: now, depth }) {
      actor = now;
      mark(element, "data-actor", now.name);
      mark(indent, "data-depth", Math.min(3, depth));
      say(name, now.name);
      mark(name, "title", now.name);
      say(kind, now.kind === now.name ? "" : now.kind);
      const state = stateOf(now);
      say(pill, words(state));
      mark(pill, "data-tone", toneOf(state));
      pill.title = now.last_error ?? "";
      const box = now.mailbox;
      say(mailbox, box ? `${count(box.depth)} / ${count(box.capacity)}` : "");
      mailbox.title = box ? `${bytes(box.bytes)}, the oldest ${seconds(box.oldest_s)}` : "";
      say(processed, box?.processed ? count(box.processed) : "");
      say(refused, box?.refused ? count(box.refused) : "");
      say(restarts, now.restarts || "");
      say(up, long(now.uptime_s));
      again.hidden = UNTOUCHABLE.has(now.name) || now.name.includes("~");
      mark(again, "aria-label", `Restart ${now.name}`);
    },
  };
}

export function showActivity(model) {
  const happenings = model.happenings;
  follow(byId("activity"), happenings, (one) => `${one.worker}/${one.at}/${one.number}`, (one) => {
    const [tone, text] = sentence(one.kind, one.what);
    const more = model.frame && model.frame.workers.length > 1 ? ` · worker ${one.worker}` : "";
    const element = h("li", {}, h("i", { "data-tone": tone, "aria-hidden": "true" }), h("span", { class: "said", text: text + more }), h("time", { text: clock(one.at), datetime: new Date(one.at * 1000).toISOString() }));
    return { element, update() {} };
  });
  byId("activity-empty").hidden = happenings.length > 0;
}

function sentence(kind, what) {
  switch (kind) {
    case "breaker": {
      const of = what.model === "*" ? `${what.provider}, its host` : `${what.provider}, ${what.model}`;
      return [{ open: "bad", closed: "good" }[what.after] ?? "warn", `Breaker of ${of}: ${words(what.before)} → ${words(what.after)}`];
    }
    case "cooldown":
      return ["warn", `${what.provider} asks for less of ${what.model}: ${seconds(what.seconds)} pause for ${what.key}`];
    case "key":
      return [what.revoked ? "bad" : "good", `${what.provider} ${what.revoked ? "refuses" : "accepts"} key ${what.key}`];
    case "actor":
      return [{ started: "good", crashed: "bad", "giving up": "bad", restarting: "warn" }[what.now] ?? "calm", `${what.actor} ${what.now}${what.error ? `: ${what.error}` : ""}`];
    case "drained":
      return ["calm", `${what.actor} is drained: its last call is over`];
    case "memory":
      return [what.after === "none" ? "good" : "warn", `Memory pressure: ${what.before} → ${what.after} at ${bytes(what.used)}`];
    case "store":
      return [what.after === "degraded" ? "bad" : "good", `Store: ${what.before} → ${what.after}`];
    case "crash":
      return ["bad", `A call at ${what.actor} crashed: ${what.error}`];
    case "budget":
      return [
        "warn",
        what.call_usd === undefined
          ? `budget of this ${what.period} used up: ${what.client}`
          : `${what.client} has ${what.left_usd} USD left for this ${what.period}: too little for a call of ${what.call_usd}`,
      ];
    case "refused":
      return ["warn", `${what.peer} was not let in here: ${words(what.because)}${what.times > 1 ? `, ${what.times} times` : ""}`];
    case "order":
      return [what.refused && what.refused.length ? "warn" : "accent", `${what.by}: ${orderText(what)}`];
    default:
      return ["calm", words(kind)];
  }
}

function orderText(what) {
  const not = what.refused && what.refused.length ? " (refused)" : "";
  switch (what.order) {
    case "breaker":
      return `${what.action} the breaker of ${what.provider}${what.model && what.model !== "*" ? `, ${what.model}` : ""}${not}`;
    case "intake":
      return `${what.provider} ${{ open: "takes calls", paused: "paused", drained: "drained" }[what.intake]}${not}`;
    case "limits":
      return `other limits for ${what.provider}${what.model ? `, ${what.model}` : ""}${not}`;
    case "log_levels":
      return `other log levels${not}`;
    case "restart":
      return `restart ${what.name}${not}`;
    case "cancel":
      return `cancel request ${what.id.slice(-8)}${not}`;
    case "key_create":
    case "key_rotate":
    case "key_change":
    case "key_revoke":
      return `${what.order.slice(4)} the client key ${what.label}${not}`;
    default:
      return `${words(what.order)}${not}`;
  }
}
