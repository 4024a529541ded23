// The gateway's admin API: single questions, and the stream of events with everything that can happen to it.

const KEY = "llm-gateway.admin-token";
const SILENCE_MS = 8000; // a snapshot is due every second
const LONGEST_PAUSE_MS = 10000;

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

function headers() {
  const held = token.get();
  return { "x-gateway-admin": "1", ...(held ? { authorization: `Bearer ${held}` } : {}) };
}

async function refusalOf(response) {
  const body = await response.json().catch(() => null);
  return new Refusal(response.status, body?.error?.message ?? `The gateway answered ${response.status}.`);
}

/** The JSON of an answer. Throws Refusal, with status 0 where the gateway cannot be reached. */
export async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { ...headers(), ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
    cache: "no-store",
  }).catch(() => {
    throw new Refusal(0, "The gateway cannot be reached: whether it has heard of this nobody knows.");
  });
  if (!response.ok) throw await refusalOf(response);
  return response.json();
}

/** Reads the events for ever. Returns only when the gateway refuses us (401, 403), with that Refusal. */
export async function watch({ onEvent, onLive, onLost }) {
  let failures = 0;
  for (;;) {
    try {
      await readOnce({ onEvent, onLive: () => ((failures = 0), onLive()) });
    } catch (problem) {
      if (problem instanceof Refusal && (problem.status === 401 || problem.status === 403)) return problem;
    }
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures) * (0.5 + Math.random() / 2);
    failures += 1;
    onLost(pause);
    await new Promise((resume) => setTimeout(resume, pause));
  }
}

async function readOnce({ onEvent, onLive }) {
  const control = new AbortController();
  let alarm = setTimeout(() => control.abort(), SILENCE_MS);
  try {
    const response = await fetch("events", { headers: headers(), cache: "no-store", signal: control.signal });
    if (!response.ok) throw await refusalOf(response);
    onLive();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(alarm);
      alarm = setTimeout(() => control.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) tell(block, onEvent);
    }
  } finally {
    clearTimeout(alarm);
    control.abort();
  }
}

function tell(block, onEvent) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")));
}
