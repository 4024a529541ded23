// What an operator can have done. Everything is confirmed first, and what came of it is said.

import { ask } from "./api.js";
import { byId, h, say } from "./dom.js";

const FOR = [
  ["", "until it is closed"],
  ["60", "1 minute"],
  ["300", "5 minutes"],
  ["3600", "1 hour"],
];

let refused = () => {}; // told when the gateway does not let us in any more

export const onRefused = (heard) => (refused = heard);

/** Shows a dialog; `act` gets the fields' values and may throw, whose message is shown then. */
function confirm({ title, text, fields = [], button, danger = false, done, act }) {
  const dialog = byId("dialog");
  const form = byId("dialog-form");
  say(byId("dialog-title"), title);
  say(byId("dialog-text"), text ?? "");
  byId("dialog-fields").replaceChildren(...fields.map(fieldOf));
  const fit = () => fields.forEach((field) => field.only && (byId(`field-${field.name}`).parentElement.hidden = !field.only(Object.fromEntries(new FormData(form)))));
  form.onchange = fit;
  fit();
  say(byId("dialog-mistake"), "");
  const submit = byId("dialog-confirm");
  say(submit, button);
  submit.className = `button ${danger ? "danger" : "primary"} filled`;
  submit.hidden = !act;
  say(byId("dialog-cancel"), act ? "Cancel" : "Close");
  form.onsubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const answer = await act(Object.fromEntries(new FormData(form)));
      dialog.close();
      toast(done + partly(answer));
    } catch (problem) {
      say(byId("dialog-mistake"), problem.message);
      if (problem.status === 401) refused(problem);
    } finally {
      submit.disabled = false;
    }
  };
  byId("dialog-cancel").onclick = () => dialog.close();
  dialog.showModal();
  if (document.activeElement instanceof HTMLInputElement) document.activeElement.select();
}

function fieldOf({ name, label, type = "text", value = "", options, hint }) {
  const control = options
    ? h("select", { name, id: `field-${name}` }, ...options.map(([option, text]) => h("option", { value: option, text, selected: option === value })))
    : h("input", { name, id: `field-${name}`, type, value, min: type === "number" ? "0" : null, inputmode: type === "number" ? "numeric" : null });
  return h("div", { class: "field" }, h("label", { for: `field-${name}`, text: label }), control, ...(hint ? [h("small", { text: hint })] : []));
}

/** Which workers did not do it. */
function partly(answer) {
  const not = Object.entries(answer?.workers ?? {}).filter(([, outcome]) => outcome !== "done");
  return not.length ? ` (worker ${not.map(([worker, outcome]) => `${worker}: ${outcome}`).join(", ")})` : "";
}

export function toast(text, tone = "good") {
  const element = h("p", { class: "toast", "data-tone": tone, text });
  byId("toasts").append(element);
  setTimeout(() => element.remove(), 6000);
}

const provider = (name, what) => `providers/${encodeURIComponent(name)}/${what}`;

export function setIntake(name, word) {
  const said = {
    pause: ["Pause", "New calls wait until it resumes, for as long as they may; those at work go on.", "is paused"],
    drain: ["Drain", "New calls go to their fallbacks, or are refused. Those that are here are answered.", "drains"],
    resume: ["Resume", "It takes calls again.", "takes calls again"],
  }[word];
  confirm({
    title: `${said[0]} ${name}?`,
    text: said[1],
    button: said[0],
    danger: word === "drain",
    done: `${name} ${said[2]}.`,
    act: () => ask("POST", provider(name, word)),
  });
}

export function moveBreaker(of) {
  const models = of.breakers.map((breaker) => breaker.model).filter((model) => model !== "*");
  const open = of.breakers.find((breaker) => breaker.state !== "closed");
  confirm({
    title: `Breaker of ${of.name}`,
    text: "An open breaker refuses calls at once; they go to their fallbacks. Resetting closes all of the provider's breakers.",
    fields: [
      { name: "action", label: "Do", options: [["open", "Open"], ["close", "Close"], ["reset", "Reset all"]], value: open ? "close" : "open" },
      { name: "model", label: "Of", options: [["*", "the whole host"], ...models.map((model) => [model, model])], value: open?.model ?? "*", only: ({ action }) => action !== "reset" },
      { name: "for_s", label: "Stays open", options: FOR, value: "", only: ({ action }) => action === "open" },
    ],
    button: "Apply",
    danger: true,
    done: `The breaker of ${of.name} has been moved.`,
    act: ({ action, model, for_s: forS }) =>
      ask("POST", provider(of.name, "breaker"), { action, ...(action === "reset" ? {} : { model }), ...(action === "open" && forS ? { for_s: Number(forS) } : {}) }),
  });
}

export function changeLimits(of) {
  const now = of.limits ?? {};
  const number = (value) => (value === "" ? 0 : Number(value));
  confirm({
    title: `Limits of ${of.name}`,
    text: "They hold at once, until the configuration is read again. 0 is no limit.",
    fields: [
      { name: "requests_per_minute", label: "Requests a minute", type: "number", value: now.requests_per_minute ?? 0 },
      { name: "tokens_per_minute", label: "Tokens a minute", type: "number", value: now.tokens_per_minute ?? 0 },
      { name: "max_concurrent", label: "Calls at once", type: "number", value: now.max_concurrent ?? 1, hint: "At least 1." },
    ],
    button: "Change limits",
    done: `${of.name} has other limits.`,
    act: (values) =>
      ask("PATCH", provider(of.name, "limits"), {
        requests_per_minute: number(values.requests_per_minute),
        tokens_per_minute: number(values.tokens_per_minute),
        max_concurrent: number(values.max_concurrent),
      }),
  });
}

export function restart(name) {
  confirm({
    title: `Restart ${name}?`,
    text: "What it is doing ends: the calls it holds are told, and go elsewhere where they can.",
    button: "Restart",
    danger: true,
    done: `${name} has been restarted.`,
    act: () => ask("POST", `actors/${encodeURIComponent(name)}/restart`),
  });
}

export function cancelRequest(row) {
  confirm({
    title: "Cancel this request?",
    text: `${row.model}, ${row.stream ? "streamed" : "whole"}, ${row.client ? `of ${row.client}, ` : ""}${row.request_id}. Its client gets an error, and everything it holds is freed.`,
    button: "Cancel request",
    danger: true,
    done: "The request has been cancelled.",
    act: () => ask("DELETE", `requests/${encodeURIComponent(row.id)}`),
  });
}

export function reload() {
  confirm({
    title: "Read the configuration again?",
    text: "What has begun ends as it began. Changed limits and log levels of operators are forgotten. Mistakes are told, and change nothing.",
    button: "Reload",
    done: "The configuration has been read.",
    act: () => ask("POST", "reload"),
  });
}

export async function levels() {
  const now = await ask("GET", "log-levels").catch((problem) => (toast(problem.message, "bad"), null));
  if (!now) return;
  const all = ["debug", "info", "warning", "error", "critical"].map((level) => [level, level]);
  const own = Object.entries(now.levels).map(([module, level]) => `${module}: ${level}`);
  confirm({
    title: "Log levels",
    text: `Until the configuration is read again.${own.length ? ` Set for modules: ${own.join(", ")}.` : ""}`,
    fields: [
      { name: "level", label: "Level of everything", options: all, value: now.level },
      { name: "module", label: "Module", hint: "Like actors.router; left empty: only the level above." },
      { name: "of", label: "Its level", options: [["", "as everything"], ...all], value: "debug" },
    ],
    button: "Set levels",
    done: "The log levels have been set.",
    act: ({ level, module, of }) => ask("PATCH", "log-levels", { level, levels: module ? { [module]: of || null } : {} }),
  });
}

export function inspect(actor) {
  confirm({ title: actor.name, text: actor.last_error ? `Last error: ${actor.last_error}` : "", button: "" });
  byId("dialog-fields").replaceChildren(h("pre", { class: "detail", tabindex: "0", text: JSON.stringify({ kind: actor.kind, parent: actor.parent, state: actor.state, restarts: actor.restarts, mailbox: actor.mailbox, ...actor.detail }, null, 2) }));
}
