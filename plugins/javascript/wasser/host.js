/**
 * What a plugin can ask of the host. Each function needs its capability, wanted and granted.
 *
 * @typedef {object} Pod a pod of the runtime
 * @property {string} name
 * @property {string} role
 * @property {string} node
 * @property {string} ip
 * @property {boolean} ready
 * @property {number} startedAt when the latest of its running containers started, in milliseconds since 1970; 0 while none runs
 *
 * @typedef {import("./command.js").Command} Command a command in a pod, for `execAll`
 * @typedef {import("./command.js").Output} Output what a command wrote, however it ended
 *
 * @typedef {object} Response an answer over HTTP; redirects are not followed
 * @property {number} status
 * @property {Uint8Array} body
 * @property {[string, Uint8Array][]} headers
 * @property {boolean} truncated
 *
 * @typedef {{value: Uint8Array, version: string}} Entry a value that outlives a call; the version names it,
 *   for a write that follows it
 */

import { BYTES, PORT, SECONDS, TEXT, among, list, optional, text } from "./checked.js";
import { COMMAND, decoded, unfinished } from "./command.js";
import { Failed, HostError, TimedOut } from "./errors.js";

const LEVEL = among("debug", "info", "warn", "error");
const SEVERITY = among("Normal", "Warning");

/** @returns {never} */
function absent() {
  throw new TypeError("this host does not have the function");
}

/**
 * The host's functions. `run`, `exec`, `execAll` and `httpGet` end the call: the method is called again
 * with the result, so it is written as if the result were there at once, and may do again what it does
 * before.
 *
 * Each function checks what it is given, in tests as in a component, and leaves the rest to that of the
 * same name with `_`.
 */
export class Host {
  /**
   * Returns the pods of a role. Needs `exec` or `http` for it.
   * @param {string} role
   * @returns {Pod[]}
   */
  pods(role) {
    TEXT("role", role);
    return this._pods(role);
  }

  /**
   * Runs commands at the same time. Needs `exec` for the roles of their pods.
   * @param {Command[]} commands
   * @returns {(Output | HostError)[]}
   */
  execAll(commands) {
    list(COMMAND)("commands", commands);
    return this._execAll(commands);
  }

  /**
   * Sends GET to a pod. Needs `http` for role and port.
   * @param {string} pod
   * @param {number} port
   * @param {string} path
   * @param {number} [timeout] in seconds
   * @returns {Response}
   */
  httpGet(pod, port, path, timeout) {
    TEXT("pod", pod);
    PORT("port", port);
    TEXT("path", path);
    optional(SECONDS)("timeout", timeout);
    return this._httpGet(pod, port, path, timeout);
  }

  /**
   * Returns a value of a Secret; undefined if there is none. Needs `secrets`.
   * @param {string} name
   * @param {string} key
   * @returns {Uint8Array | undefined}
   */
  secret(name, key) {
    TEXT("name", name);
    TEXT("key", key);
    return this._secret(name, key);
  }

  /**
   * Returns an object of the runtime's namespace; undefined if there is none. Needs `objects`.
   * @param {string} kind
   * @param {string} name
   * @returns {Record<string, any> | undefined}
   */
  object(kind, name) {
    TEXT("kind", kind);
    TEXT("name", name);
    return this._object(kind, name);
  }

  /**
   * Returns a host port for each name, the same each time. Needs `ports`.
   * @param {string[]} names
   * @returns {Record<string, number>}
   */
  allocatePorts(names) {
    list(TEXT)("names", names);
    return this._allocatePorts(names);
  }

  /**
   * Returns the value of a key that outlives a call. Needs `state`.
   * @param {string} key
   * @returns {Entry | undefined}
   */
  state(key) {
    TEXT("key", key);
    return this._state(key);
  }

  /**
   * Returns the keys that have a value. Needs `state`.
   * @returns {string[]}
   */
  stateKeys() {
    return this._stateKeys();
  }

  /**
   * Sets a key that has the value of this version, or none yet; else throws Conflict. Returns the new
   * version. Needs `state`.
   * @param {string} key
   * @param {Uint8Array} value
   * @param {string} [ifVersion]
   * @returns {string}
   */
  setState(key, value, ifVersion) {
    TEXT("key", key);
    BYTES("value", value);
    optional(TEXT)("ifVersion", ifVersion);
    return this._setState(key, value, ifVersion);
  }

  /**
   * Removes a key that has the value of this version. Needs `state`.
   * @param {string} key
   * @param {string} ifVersion
   * @returns {void}
   */
  removeState(key, ifVersion) {
    TEXT("key", key);
    TEXT("ifVersion", ifVersion);
    return this._removeState(key, ifVersion);
  }

  /**
   * Writes a line to the host's log.
   * @param {"debug" | "info" | "warn" | "error"} level
   * @param {string} message
   * @returns {void}
   */
  log(level, message) {
    LEVEL("level", level);
    return this._log(level, text(message));
  }

  /**
   * Publishes an event on the runtime; the reason is a word in CamelCase. Needs `events`.
   * @param {"Normal" | "Warning"} severity
   * @param {string} reason
   * @param {string} message
   * @returns {void}
   */
  event(severity, reason, message) {
    SEVERITY("severity", severity);
    TEXT("reason", reason);
    return this._event(severity, reason, text(message));
  }

  /**
   * Returns the pods of a role whose containers are all ready.
   * @param {string} role
   * @returns {Pod[]}
   */
  readyPods(role) {
    return this.pods(role).filter((pod) => pod.ready);
  }

  /**
   * Runs a command, and returns what it wrote, however it ended.
   * @param {Command} command
   * @returns {Output}
   */
  exec(command) {
    const [result] = this.execAll([command]);
    if (result instanceof HostError) throw result;
    return result;
  }

  /**
   * Runs a command to its end, and returns its standard output without surrounding white space. Any other
   * ending than the exit code 0 is a failure that quotes standard error.
   * @param {string} pod
   * @param {string[]} argv
   * @param {number} [timeout] in seconds
   * @returns {string}
   */
  run(pod, argv, timeout) {
    const [output] = this.execAll([{ pod, argv, timeout }]);
    const command = `\`${argv.join(" ")}\` in pod ${pod}`;
    const error = output instanceof HostError ? output : unfinished(output);
    if (error) throw new (error instanceof TimedOut ? TimedOut : Failed)(`${command}: ${error.message}`);
    const { code, stdout, stderr } = /** @type {Output} */ (output);
    if (code !== 0) {
      const last = decoded(stderr).split(/\r?\n/).at(-1);
      throw new Failed(`${command}: exit code ${code}: ${last || "nothing on standard error"}`);
    }
    return decoded(stdout);
  }

  /**
   * @type {Host["pods"]}
   * @protected
   */
  _pods(role) {
    return absent();
  }

  /**
   * @type {Host["execAll"]}
   * @protected
   */
  _execAll(commands) {
    return absent();
  }

  /**
   * @type {Host["httpGet"]}
   * @protected
   */
  _httpGet(pod, port, path, timeout) {
    return absent();
  }

  /**
   * @type {Host["secret"]}
   * @protected
   */
  _secret(name, key) {
    return absent();
  }

  /**
   * @type {Host["object"]}
   * @protected
   */
  _object(kind, name) {
    return absent();
  }

  /**
   * @type {Host["allocatePorts"]}
   * @protected
   */
  _allocatePorts(names) {
    return absent();
  }

  /**
   * @type {Host["state"]}
   * @protected
   */
  _state(key) {
    return absent();
  }

  /**
   * @type {Host["stateKeys"]}
   * @protected
   */
  _stateKeys() {
    return absent();
  }

  /**
   * @type {Host["setState"]}
   * @protected
   */
  _setState(key, value, ifVersion) {
    return absent();
  }

  /**
   * @type {Host["removeState"]}
   * @protected
   */
  _removeState(key, ifVersion) {
    return absent();
  }

  /**
   * @type {Host["log"]}
   * @protected
   */
  _log(level, message) {
    return absent();
  }

  /**
   * @type {Host["event"]}
   * @protected
   */
  _event(severity, reason, message) {
    return absent();
  }
}
