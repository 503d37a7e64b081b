/**
 * What a plugin can ask of the host. Each function needs its capability, wanted and granted.
 *
 * @typedef {object} Pod a pod of the runtime
 * @property {string} name
 * @property {string} role
 * @property {string} node
 * @property {string} ip
 * @property {boolean} ready
 * @property {number} startedAt in milliseconds since 1970; 0 before its first container has started
 *
 * @typedef {object} Command a command in a pod, for `execAll`
 * @property {string} pod
 * @property {string[]} argv
 * @property {number} [timeout] in seconds; left out for as long as the call lasts
 * @property {string} [container] left out for the container of the role
 * @property {Uint8Array} [stdin]
 *
 * @typedef {object} Output what a command wrote, however it ended
 * @property {number} [code] the exit code; left out if it did not end by itself
 * @property {Uint8Array} stdout
 * @property {Uint8Array} stderr
 * @property {string} [ending] how it ended if there is no exit code
 * @property {boolean} [truncated] whether more was written than the limit of the registration
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

import { Failed, HostError, TimedOut } from "./errors.js";

/** @returns {never} */
function absent() {
  throw new TypeError("this host does not have the function");
}

/**
 * The host's functions. `run`, `exec`, `execAll` and `httpGet` end the call: the method is called again
 * with the result, so it is written as if the result were there at once, and may do again what it does
 * before.
 */
export class Host {
  /**
   * Returns the pods of a role. Needs `exec` or `http` for it.
   * @param {string} role
   * @returns {Pod[]}
   */
  pods(role) {
    return absent();
  }

  /**
   * Runs commands at the same time. Needs `exec` for the roles of their pods.
   * @param {Command[]} commands
   * @returns {(Output | HostError)[]}
   */
  execAll(commands) {
    return absent();
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
    return absent();
  }

  /**
   * Returns a value of a Secret; undefined if there is none. Needs `secrets`.
   * @param {string} name
   * @param {string} key
   * @returns {Uint8Array | undefined}
   */
  secret(name, key) {
    return absent();
  }

  /**
   * Returns an object of the runtime's namespace; undefined if there is none. Needs `objects`.
   * @param {string} kind
   * @param {string} name
   * @returns {Record<string, any> | undefined}
   */
  object(kind, name) {
    return absent();
  }

  /**
   * Returns a host port for each name, the same each time. Needs `ports`.
   * @param {string[]} names
   * @returns {Record<string, number>}
   */
  allocatePorts(names) {
    return absent();
  }

  /**
   * Returns the value of a key that outlives a call. Needs `state`.
   * @param {string} key
   * @returns {Entry | undefined}
   */
  state(key) {
    return absent();
  }

  /**
   * Returns the keys that have a value. Needs `state`.
   * @returns {string[]}
   */
  stateKeys() {
    return absent();
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
    return absent();
  }

  /**
   * Removes a key that has the value of this version. Needs `state`.
   * @param {string} key
   * @param {string} ifVersion
   * @returns {void}
   */
  removeState(key, ifVersion) {
    return absent();
  }

  /**
   * Writes a line to the host's log.
   * @param {"debug" | "info" | "warn" | "error"} level
   * @param {string} message
   * @returns {void}
   */
  log(level, message) {
    return absent();
  }

  /**
   * Publishes an event on the runtime; the reason is a word in CamelCase. Needs `events`.
   * @param {"Normal" | "Warning"} severity
   * @param {string} reason
   * @param {string} message
   * @returns {void}
   */
  event(severity, reason, message) {
    return absent();
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
   * Runs a command to its end, and returns its standard output. Any exit code but 0 is a failure that
   * quotes standard error.
   * @param {string} pod
   * @param {string[]} argv
   * @param {number} [timeout] in seconds
   * @returns {string}
   */
  run(pod, argv, timeout) {
    const [output] = this.execAll([{ pod, argv, timeout }]);
    const said = `\`${argv.join(" ")}\` in pod ${pod}`;
    if (output instanceof HostError) throw new Failed(`${said}: ${output.message}`);
    if (output.code === undefined) throw new TimedOut(`${said}: ${output.ending}`);
    if (output.truncated) throw new Failed(`${said} writes more than \`limits.output\` of the registration`);
    if (output.code !== 0) {
      const last = new TextDecoder().decode(output.stderr).trimEnd().split("\n").at(-1);
      throw new Failed(`${said}: exit code ${output.code}: ${last || "nothing on standard error"}`);
    }
    return new TextDecoder().decode(output.stdout);
  }
}
