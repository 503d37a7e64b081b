/** Methods as the host calls them: once for each result that they wait for. */

import { Failed, HostError, Pending } from "./errors.js";
import { Host } from "./host.js";

/** The most calls of one method. */
const MOST = 500;

/**
 * Calls a method as the host does: each command and each request ends the call, and the next call knows its
 * result. Returns the answer, which has to be that of a method which knows all results at once.
 * @template T
 * @param {Host} host
 * @param {(host: Host) => T} method
 * @returns {T}
 */
export function converse(host, method) {
  const conversing = new Conversing(host);
  for (let call = 0; call < MOST; call += 1) {
    conversing.begin();
    try {
      const answer = method(conversing);
      if (!conversing.isPending) return answer;
    } catch (error) {
      if (!conversing.isPending) throw error;
    }
  }
  throw new Failed(`the method has no answer after ${MOST} calls`);
}

/** A host that ends the call with each new command and request. */
class Conversing extends Host {
  isPending = false;
  #host;
  /** @type {Map<string, any>} What was asked, and the answer. */
  #journal = new Map();
  /** @type {Map<string, number>} How often each was asked in this call. */
  #asked = new Map();

  /** @param {Host} host */
  constructor(host) {
    super();
    this.#host = host;
  }

  /** Begins a call. */
  begin() {
    this.isPending = false;
    this.#asked.clear();
  }

  #goOn() {
    if (this.isPending) throw new Pending();
    return this.#host;
  }

  /**
   * Returns the words of a job: the same is another job each time that one call asks for it.
   * @param {...any} asked
   */
  #words(...asked) {
    const words = JSON.stringify(asked);
    const count = this.#asked.get(words) ?? 0;
    this.#asked.set(words, count + 1);
    return `${count} ${words}`;
  }

  /** @type {Host["pods"]} */
  _pods(role) {
    return this.#goOn().pods(role);
  }

  /** @type {Host["execAll"]} */
  _execAll(commands) {
    const host = this.#goOn();
    const jobs = commands.map((command) => this.#words("exec", command));
    const wanted = commands.filter((_, at) => !this.#journal.has(jobs[at]));
    if (wanted.length) {
      const unknown = jobs.filter((job) => !this.#journal.has(job));
      host.execAll(wanted).forEach((result, at) => this.#journal.set(unknown[at], result));
      this.isPending = true;
      throw new Pending();
    }
    return jobs.map((job) => this.#journal.get(job));
  }

  /** @type {Host["httpGet"]} */
  _httpGet(pod, port, path, timeout) {
    const host = this.#goOn();
    const job = this.#words("get", pod, port, path, timeout);
    if (!this.#journal.has(job)) {
      try {
        this.#journal.set(job, host.httpGet(pod, port, path, timeout));
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        this.#journal.set(job, error);
      }
      this.isPending = true;
      throw new Pending();
    }
    const found = this.#journal.get(job);
    if (found instanceof HostError) throw found;
    return found;
  }

  /** @type {Host["secret"]} */
  _secret(name, key) {
    return this.#goOn().secret(name, key);
  }

  /** @type {Host["object"]} */
  _object(kind, name) {
    return this.#goOn().object(kind, name);
  }

  /** @type {Host["allocatePorts"]} */
  _allocatePorts(names) {
    return this.#goOn().allocatePorts(names);
  }

  /** @type {Host["state"]} */
  _state(key) {
    return this.#goOn().state(key);
  }

  /** @type {Host["stateKeys"]} */
  _stateKeys() {
    return this.#goOn().stateKeys();
  }

  /** @type {Host["setState"]} */
  _setState(key, value, ifVersion) {
    return this.#goOn().setState(key, value, ifVersion);
  }

  /** @type {Host["removeState"]} */
  _removeState(key, ifVersion) {
    this.#goOn().removeState(key, ifVersion);
  }

  /** @type {Host["log"]} */
  _log(level, message) {
    const job = this.#words("log", level, message);
    if (this.isPending || this.#journal.has(job)) return;
    this.#journal.set(job, true);
    this.#host.log(level, message);
  }

  /** @type {Host["event"]} */
  _event(severity, reason, message) {
    const host = this.#goOn();
    const job = this.#words("event", severity, reason, message);
    if (this.#journal.has(job)) return;
    host.event(severity, reason, message);
    this.#journal.set(job, true);
  }
}
