/** The imports of a component, as its methods see them. Only a component can import this. */

import { publish } from "wasser:events/events@0.1.0";
import { run, send } from "wasser:jobs/jobs@0.1.0";
import { log } from "wasser:log/log@0.1.0";
import { get as getObject } from "wasser:objects/objects@0.1.0";
import { list as listPods } from "wasser:pods/pods@0.1.0";
import { allocate } from "wasser:ports/ports@0.1.0";
import { get as getSecret } from "wasser:secrets/secrets@0.1.0";
import * as states from "wasser:state/state@0.1.0";

import { CUT_OFF, TIMED_OUT } from "./command.js";
import { Conflict, HostError, NotFound, NotGranted, Pending, Throttled, TimedOut } from "./errors.js";
import { Host } from "./host.js";
import { fromJson } from "./json.js";
import { silence } from "./sandbox.js";

/**
 * Returns what the host answers as an exception.
 * @param {any} error
 * @returns {HostError}
 */
function hostError({ tag, val }) {
  switch (tag) {
    case "not-granted":
      return new NotGranted(`the plugin may not do this: ${val}`);
    case "not-found":
      return new NotFound(`not found: ${val}`);
    case "conflict":
      return new Conflict(val);
    case "throttled":
      return new Throttled(val.seconds, val.message);
    case "timeout":
      return new TimedOut();
    case "other":
      return new HostError(`${val[0]}: ${val[1]}`);
  }
  return new HostError(val);
}

/** @param {number | undefined} seconds */
function millis(seconds) {
  return seconds === undefined || seconds === null ? undefined : Math.min(Math.trunc(seconds * 1000), 0xffffffff);
}

/**
 * Returns what a command wrote.
 * @param {any} found
 * @returns {import("./host.js").Output}
 */
function output({ ending, stdout, stderr }) {
  const endings = {
    exited: "exited",
    "timed-out": TIMED_OUT,
    "cut-off": CUT_OFF,
  };
  return {
    code: ending.tag === "exited" ? ending.val : undefined,
    stdout: stdout.bytes,
    stderr: stderr.bytes,
    ending: endings[/** @type {keyof typeof endings} */ (ending.tag)] ?? ending.val,
    truncated: stdout.truncated,
    stderrTruncated: stderr.truncated,
  };
}

/** The imports of the component. */
export class Imports extends Host {
  /** Whether a result of this call is not there yet. Nothing else that the call does counts. */
  isPending = false;

  /** @param {string} role */
  _pods(role) {
    const found = this.#ask(listPods, role);
    return found.map((/** @type {any} */ pod) => ({ ...pod, startedAt: Number(pod.startedAt) }));
  }

  /** @param {import("./host.js").Command[]} commands */
  _execAll(commands) {
    const found = commands.map(({ pod, container, argv, stdin, timeout }) =>
      this.#ask(run, { pod, container, argv, stdin, timeoutMs: millis(timeout) }),
    );
    return this.#results(found).map((one) => (one instanceof HostError ? one : output(one)));
  }

  /** @type {Host["httpGet"]} */
  _httpGet(pod, port, path, timeout) {
    const request = { pod, port, method: "GET", path, headers: [], body: undefined, timeoutMs: millis(timeout) };
    const [found] = this.#results([this.#ask(send, request)]);
    if (found instanceof HostError) throw found;
    return found;
  }

  /** @type {Host["secret"]} */
  _secret(name, key) {
    return this.#ask(getSecret, name, key);
  }

  /** @type {Host["object"]} */
  _object(kind, name) {
    const found = this.#ask(getObject, kind, name);
    return found === undefined ? undefined : fromJson(found);
  }

  /** @type {Host["allocatePorts"]} */
  _allocatePorts(names) {
    return Object.fromEntries(this.#ask(allocate, names));
  }

  /** @type {Host["state"]} */
  _state(key) {
    return this.#ask(states.get, key);
  }

  _stateKeys() {
    return this.#ask(states.keys);
  }

  /** @type {Host["setState"]} */
  _setState(key, value, ifVersion) {
    return this.#ask(states.set, key, value, ifVersion);
  }

  /** @type {Host["removeState"]} */
  _removeState(key, ifVersion) {
    this.#ask(states.remove, key, ifVersion);
  }

  /** @type {Host["log"]} */
  _log(level, message) {
    if (!this.isPending) log(level, message);
  }

  /** @type {Host["event"]} */
  _event(severity, reason, message) {
    this.#ask(publish, severity.toLowerCase(), reason, message);
  }

  /**
   * Asks the host for something.
   * @param {Function} asked
   * @param {...any} given
   * @returns {any}
   */
  #ask(asked, ...given) {
    // A method that has caught Pending must not go on to do things.
    if (this.isPending) throw new Pending();
    try {
      return asked(...given);
    } catch (error) {
      const payload = /** @type {any} */ (error).payload;
      throw payload === undefined ? error : hostError(payload);
    }
  }

  /**
   * Returns the results of jobs, if all are there.
   * @param {any[]} found
   * @returns {any[]}
   */
  #results(found) {
    if (found.some((one) => one === undefined)) {
      this.isPending = true;
      silence();
      throw new Pending();
    }
    return found.map(({ tag, val }) => (tag === "err" ? hostError(val) : val));
  }
}
