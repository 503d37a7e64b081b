/** Tests of a runtime in Node: a context of objects, and a host that answers from a script. */

import { toJson } from "./checked.js";
import { Context } from "./context.js";
import { Conflict, HostError, NotFound } from "./errors.js";
import { Host } from "./host.js";

export { converse } from "./conversation.js";

/**
 * Returns the context of a runtime with this spec, and of a Dataset with that one.
 * @param {any} spec
 * @param {any} [dataset] null if the Dataset is gone
 * @param {object} [others]
 * @param {string} [others.kind]
 * @param {string} [others.name]
 * @param {string} [others.namespace]
 * @param {string} [others.directory]
 * @param {Record<string, string>} [others.images]
 * @param {Record<string, string>} [others.settings]
 * @param {Record<string, any>} [others.installed]
 * @param {Record<string, import("./context.js").RoleStatus>} [others.roles]
 * @param {number} [others.nowMs]
 * @param {import("./description.js").Want[]} [others.granted]
 * @param {Record<string, any>} [others.datasetStatus]
 * @returns {Context}
 */
export function context(spec, dataset = {}, others = {}) {
  const { kind = "Runtime", name = "demo", namespace = "default", directory = "demo-fuse" } = others;
  const { images = {}, settings = {}, installed, roles = {}, nowMs = 0 } = others;
  const { granted = [], datasetStatus: status = {} } = others;
  const metadata = { namespace, name, uid: "u1" };
  const whole = { kind: "Dataset", metadata, status };
  const engine = directory.replace(/-fuse$/, "");
  return new Context({
    namespace: () => namespace,
    name: () => name,
    datasetId: () => `${namespace}-${name}`,
    runtime: () => toJson("the runtime", { kind, metadata, spec }),
    dataset: () => (dataset === null ? undefined : toJson("the Dataset", { ...whole, spec: dataset })),
    mountPath: () => `/runtime-mnt/${engine}/${namespace}/${name}/${directory}`,
    fuseLabel: () => `fluid.io/f-${namespace}-${name}`,
    images: () => Object.entries(images),
    settings: () => Object.entries(settings),
    installed: () => (installed === undefined ? undefined : toJson("installed", installed)),
    roles: () => Object.entries(roles).map(([role, status]) => ({ name: role, ...status })),
    now: () => nowMs,
    granted: () => granted,
  });
}

/**
 * Returns what a command wrote.
 * @param {string} stdout
 * @param {{code?: number, stderr?: string, ending?: string, truncated?: boolean}} [others]
 * @returns {import("./host.js").Output}
 */
export function output(stdout, others = {}) {
  const { stderr = "", ...rest } = others;
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
  return { code: 0, ending: "exited", truncated: false, ...rest, stdout: bytes(stdout), stderr: bytes(stderr) };
}

/** A host that answers from a script, and remembers in `calls` what it was asked. */
export class FakeHost extends Host {
  /** @type {string[]} */
  calls = [];
  #script;
  /** @type {Map<string, import("./host.js").Entry>} */
  #state = new Map();

  /**
   * @param {object} [script]
   * @param {(Partial<import("./host.js").Pod> & {name: string, role: string})[]} [script.pods]
   * @param {(command: import("./host.js").Command) => import("./host.js").Output | HostError} [script.onExec]
   * @param {(pod: string, port: number, path: string) => import("./host.js").Response} [script.onHttp]
   * @param {Record<string, Record<string, any>>} [script.objects] by `Kind/name`
   * @param {Record<string, Uint8Array>} [script.secrets] by `name/key`
   * @param {number} [script.firstPort]
   */
  constructor(script = {}) {
    super();
    this.#script = script;
  }

  /** @param {string} role */
  _pods(role) {
    const pods = this.#script.pods ?? [];
    const usual = { node: "", ip: "", ready: true, startedAt: 0 };
    return pods.filter((pod) => pod.role === role).map((pod) => ({ ...usual, ...pod }));
  }

  /** @param {import("./host.js").Command[]} commands */
  _execAll(commands) {
    const answer = this.#script.onExec ?? ((command) => new NotFound(command.pod));
    this.calls.push(...commands.map((command) => `exec ${command.pod} ${command.argv.join(" ")}`));
    return commands.map(answer);
  }

  /** @type {Host["httpGet"]} */
  _httpGet(pod, port, path) {
    this.calls.push(`GET ${pod}:${port}${path}`);
    if (!this.#script.onHttp) throw new NotFound(pod);
    return this.#script.onHttp(pod, port, path);
  }

  /** @type {Host["secret"]} */
  _secret(name, key) {
    return this.#script.secrets?.[`${name}/${key}`];
  }

  /** @type {Host["object"]} */
  _object(kind, name) {
    return this.#script.objects?.[`${kind}/${name}`];
  }

  /** @type {Host["allocatePorts"]} */
  _allocatePorts(names) {
    const first = this.#script.firstPort ?? 14000;
    return Object.fromEntries(names.map((name, at) => [name, first + at]));
  }

  /** @type {Host["state"]} */
  _state(key) {
    return this.#state.get(key);
  }

  _stateKeys() {
    return [...this.#state.keys()].sort();
  }

  /** @type {Host["setState"]} */
  _setState(key, value, ifVersion) {
    const version = String(this.#follow(key, ifVersion) + 1);
    this.#state.set(key, { value, version });
    return version;
  }

  /** @type {Host["removeState"]} */
  _removeState(key, ifVersion) {
    this.#follow(key, ifVersion);
    this.#state.delete(key);
  }

  /**
   * Returns the number of a version, if it is that of the key.
   * @param {string} key
   * @param {string} [ifVersion]
   */
  #follow(key, ifVersion) {
    if (this.#state.get(key)?.version !== (ifVersion ?? undefined)) {
      throw new Conflict(`the key ${key} has been set by somebody else`);
    }
    return Number(ifVersion ?? 0);
  }

  /** @type {Host["log"]} */
  _log(level, message) {
    this.calls.push(`log ${level} ${message}`);
  }

  /** @type {Host["event"]} */
  _event(severity, reason, message) {
    this.calls.push(`event ${severity} ${reason} ${message}`);
  }
}
