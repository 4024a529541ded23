// What the page knows: the last frame of every worker, added up by provider, and the last minutes of their traffic.

const KEPT = 120; // samples of a second each
const SMOOTH = 5; // seconds over which a rate is taken

const STATES = ["stopped", "backing_off", "starting", "draining", "drained", "paused", "no_key", "running"]; // the worst first
const BREAKERS = ["open", "half_open", "closed"];

const worst = (order, states) => order[Math.min(...states.map((state) => Math.max(0, order.indexOf(state))))];
const sum = (values) => values.reduce((total, value) => total + value, 0);
const own = (members, name) => (Object.hasOwn(members, name) ? members[name] : undefined); // a model may be called "constructor"
const total = (values) => (values.length && !values.includes(null) ? sum(values) : null);
const least = (values) => {
  const known = values.filter((value) => value != null);
  return known.length ? Math.min(...known) : null;
};

export class Model {
  constructor() {
    this.frame = null;
    this.history = new Map(); // provider -> samples
    this.before = new Map(); // worker -> its snapshot before
    this.happenings = [];
  }

  take(frame) {
    this.frame = frame;
    this.sample(frame);
  }

  add(happening) {
    const known = this.happenings.some((other) => other.worker === happening.worker && other.at === happening.at && other.number === happening.number);
    if (known) return; // told again after a reconnection
    this.happenings.unshift(happening);
    this.happenings.sort((one, other) => other.at - one.at);
    this.happenings.length = Math.min(this.happenings.length, 200);
  }

  sample(frame) {
    const moved = new Map();
    for (const snapshot of frame.workers) {
      const before = this.before.get(snapshot.worker);
      this.before.set(snapshot.worker, { at: frame.at, life: snapshot.life, traffic: snapshot.traffic });
      if (!before || before.life !== snapshot.life) continue; // its figures have begun anew
      const gap = Math.max(0.2, frame.at - before.at);
      for (const [provider, now] of Object.entries(snapshot.traffic)) {
        const then = own(before.traffic, provider) ?? { requests: 0, errors: 0, tokens: 0, first_tokens: 0, first_token_s: 0 };
        const all = moved.get(provider) ?? { requests: 0, errors: 0, tokens: 0, firsts: 0, firstS: 0 };
        all.requests += (now.requests - then.requests) / gap;
        all.errors += (now.errors - then.errors) / gap;
        all.tokens += (now.tokens - then.tokens) / gap;
        all.firsts += now.first_tokens - then.first_tokens;
        all.firstS += now.first_token_s - then.first_token_s;
        moved.set(provider, all);
      }
    }
    const names = new Set([...this.history.keys(), ...moved.keys(), ...this.providerNames()]);
    for (const name of names) {
      const samples = this.history.get(name) ?? [];
      const now = moved.get(name) ?? { requests: 0, errors: 0, tokens: 0, firsts: 0, firstS: 0 };
      samples.push({ ...now, firstToken: now.firsts ? now.firstS / now.firsts : null });
      if (samples.length > KEPT) samples.shift();
      this.history.set(name, samples);
    }
  }

  providerNames() {
    return this.frame ? [...new Set(this.frame.workers.flatMap((worker) => worker.actors.filter(isProvider).map((actor) => actor.name)))] : [];
  }

  /** A rate over the last seconds, of one provider or of all (null). */
  recent(name, field) {
    const all = name === null ? [...this.history.values()] : [this.history.get(name) ?? []];
    return sum(all.map((samples) => sum(samples.slice(-SMOOTH).map((sample) => sample[field])) / Math.max(1, Math.min(SMOOTH, samples.length))));
  }

  firstToken(name) {
    const all = (name === null ? [...this.history.values()] : [this.history.get(name) ?? []]).flatMap((samples) => samples.slice(-15));
    const firsts = sum(all.map((sample) => sample.firsts));
    return firsts ? sum(all.map((sample) => sample.firstS)) / firsts : null;
  }

  firstTokens(name) {
    return (this.history.get(name) ?? []).map((sample) => sample.firstToken);
  }

  /** Rates, each over the seconds before it, so that a line shows where things go and not every single request. */
  rates(name, field) {
    const values = (this.history.get(name) ?? []).map((sample) => sample[field]);
    return values.map((_, index) => sum(values.slice(Math.max(0, index - SMOOTH + 1), index + 1)) / Math.min(SMOOTH, index + 1));
  }

  /** All providers, each added up over the workers. */
  providers() {
    // With a store each worker knows what all of them have left; without it each has a part of its own.
    const left = this.frame.workers.every((worker) => worker.store === "connected") ? least : total;
    return this.providerNames().map((name) => {
      const actors = this.frame.workers.flatMap((worker) => worker.actors.filter((actor) => isProvider(actor) && actor.name === name));
      const details = actors.map((actor) => actor.detail).filter((detail) => detail.concurrency);
      return {
        name,
        state: worst(STATES, actors.map(standing)),
        mixed: new Set(actors.map((actor) => actor.state)).size > 1,
        restarts: sum(actors.map((actor) => actor.restarts)),
        lastError: actors.map((actor) => actor.last_error).find(Boolean) ?? null,
        waiting: sum(details.map((detail) => detail.waiting)),
        used: sum(details.map((detail) => detail.concurrency.used)),
        most: sum(details.map((detail) => detail.concurrency.limit)),
        memory: sum(details.map((detail) => detail.memory.used)),
        memoryLimit: sum(details.map((detail) => detail.memory.limit)),
        tokens: left(details.map((detail) => detail.tokens)),
        requests: left(details.map((detail) => detail.requests)),
        mailbox: sum(actors.map((actor) => actor.mailbox?.depth ?? 0)),
        limits: details[0]?.limits ?? null,
        keys: details[0]?.keys ?? [],
        breakers: breakersOf(details),
      };
    });
  }

  requests() {
    return this.frame.workers.flatMap((worker) => worker.requests).sort((one, other) => other.age_s - one.age_s);
  }

  inFlight() {
    return sum(this.frame.workers.map((worker) => worker.in_flight));
  }
}

/** An actor's state, and whether a drain of it is over. */
export function stateOf(actor) {
  const { state, detail, mailbox } = actor;
  const idle = isProvider(actor) && detail.in_flight?.length === 0 && !detail.waiting && !mailbox?.depth;
  return state === "draining" && idle ? "drained" : state;
}

/** What a provider's card says: one that runs, but has no key, serves nobody. */
function standing(actor) {
  const state = stateOf(actor);
  return state === "running" && actor.detail.keys?.some((key) => key.state === "missing") ? "no_key" : state;
}

export const isProvider = (actor) => actor.kind === "provider" && !actor.name.includes("~");

function breakersOf(details) {
  const names = [...new Set(details.flatMap((detail) => Object.keys(detail.breakers)))];
  return names.map((model) => {
    const all = details.map((detail) => own(detail.breakers, model)).filter(Boolean);
    const state = worst(BREAKERS, all.map((breaker) => breaker.state));
    const opens = all.filter((breaker) => breaker.state === "open").map((breaker) => breaker.opens_in_s);
    return { model, state, failures: Math.max(...all.map((breaker) => breaker.failures)), held: opens.includes(null), opensIn: least(opens) };
  });
}
