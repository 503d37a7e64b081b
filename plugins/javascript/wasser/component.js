/** The exports of a component, which call the runtime of `app.js`. */

import { begin, end } from "./sandbox.js";
import * as app from "../app.js";

import { CHANGE, Bytes, STATS, Share, Text, Unknown } from "./answers.js";
import { FLAG, NOTHING, OBJECT, TEXT, instance, text, toJson } from "./checked.js";
import { Context } from "./context.js";
import { API_VERSION, DESCRIPTION } from "./description.js";
import { Conflict, Invalid, NotSupported, RetryAfter, Throttled, WasserError } from "./errors.js";
import { Imports } from "./imports.js";
import { fromJson } from "./json.js";
import { Runtime, checkNames, methods } from "./runtime.js";

const HOST = new Imports();

/** @type {any} */
const Main = /** @type {any} */ (app).default;
if (!(Main?.prototype instanceof Runtime)) {
  throw new Error("app.js must have `export default class … extends Runtime`");
}
/** @type {Runtime} */
const runtime = new Main();
checkNames(runtime);

/**
 * Returns an exception as the WIT has it.
 * @param {WasserError} error
 */
function witError(error) {
  if (error instanceof NotSupported) return { tag: "not-supported" };
  if (error instanceof Invalid) {
    return { tag: "invalid-spec", val: { field: text(error.field), message: text(error.remedy) } };
  }
  const message = text(error.message);
  if (error instanceof Conflict) return { tag: "retry-after", val: { seconds: 1, message } };
  if (error instanceof RetryAfter || error instanceof Throttled) {
    const seconds = Math.min(Math.max(Math.trunc(error.seconds) || 0, 0), 0xffffffff);
    return { tag: "retry-after", val: { seconds, message } };
  }
  return { tag: "failed", val: message };
}

/**
 * Calls a method, and returns its answer or throws its error.
 * @template T
 * @param {() => T} method
 * @returns {T}
 */
function call(method) {
  begin();
  HOST.isPending = false;
  let answer;
  try {
    answer = method();
  } catch (error) {
    if (!HOST.isPending) throw error instanceof WasserError ? witError(error) : end(error);
  }
  // The host calls again, whatever the answer is.
  if (HOST.isPending) throw { tag: "failed", val: "the result is not there yet" };
  return /** @type {T} */ (answer);
}

/**
 * Calls a function that has no errors to answer with, so that each is a fault.
 * @template T
 * @param {() => T} method
 * @returns {T}
 */
function guarded(method) {
  begin();
  try {
    return method();
  } catch (error) {
    return end(error);
  }
}

function description() {
  const found = runtime.describe();
  DESCRIPTION("describe", found);
  const roles = found.roles.map((role) => ({
    ...role,
    neededForBound: role.neededForBound ?? false,
    startsAtZero: role.startsAtZero ?? false,
    replicas: role.replicas ?? undefined,
    defaultReplicas: role.defaultReplicas ?? 0,
  }));
  return {
    ...found,
    name: found.name ?? found.engine,
    apiVersions: found.apiVersions ?? [API_VERSION],
    implementation: found.implementation ?? undefined,
    methods: methods(runtime),
    roles,
    wants: found.wants ?? [],
  };
}

/** @param {any} found */
function stats(found) {
  STATS("storageStats", found);
  const { used, total, totalFiles, free } = found;
  return {
    used: BigInt(used),
    total: BigInt(total),
    totalFiles: BigInt(totalFiles),
    free: free === undefined || free === null ? undefined : BigInt(free),
  };
}

/**
 * @param {string} name
 * @param {any} found
 */
function measure(name, found) {
  instance(Bytes, Share, Unknown, Text)(`cacheStates.${name}`, found);
  if (found instanceof Bytes) return { tag: "bytes", val: BigInt(found.value) };
  if (found instanceof Share) return { tag: "share", val: found.value };
  return found instanceof Unknown ? { tag: "unknown" } : { tag: "other", val: found.value };
}

/** @param {any} found */
function states(found) {
  OBJECT("cacheStates", found);
  return Object.entries(found).map(([name, value]) => {
    TEXT("a key of cacheStates", name);
    return { name, value: measure(name, value) };
  });
}

/** @param {any} found */
function change(found) {
  CHANGE("shouldUpdateUfs", found);
  const [added, removed, changed] = [found.added ?? [], found.removed ?? [], found.changed ?? []];
  /** @type {(path: string, one: any) => any} */
  const mount = (path, one) => ({ path: one.path, spec: toJson(`shouldUpdateUfs.${path}.spec`, one.spec) });
  /** @type {(name: string, all: any[]) => any[]} */
  const mounts = (name, all) => all.map((one, at) => mount(`${name}[${at}]`, one));
  return {
    added: mounts("added", added),
    removed: mounts("removed", removed),
    changed: changed.map((/** @type {any} */ one, /** @type {number} */ at) => ({
      old: mount(`changed[${at}].old`, one.old),
      new: mount(`changed[${at}].new`, one.new),
    })),
  };
}

/** @param {any} found */
function readChange({ added, removed, changed }) {
  /** @param {any} one */
  const mount = (one) => ({ path: one.path, spec: fromJson(one.spec) });
  return {
    added: added.map(mount),
    removed: removed.map(mount),
    changed: changed.map((/** @type {any} */ one) => ({ old: mount(one.old), new: mount(one.new) })),
  };
}

/**
 * @param {any} found
 * @returns {import("./answers.js").Origin}
 */
function readOrigin({ tag, val }) {
  if (tag === "plugin") return { kind: "plugin", name: val[0], version: val[1] };
  return tag === "fluid"
    ? { kind: "fluid", name: "fluid", version: val }
    : { kind: "other", name: val, version: "" };
}

/**
 * Returns an export that calls a method, and what becomes of its answer.
 * @param {string} name
 * @param {(found: any) => any} answer
 */
function exported(name, answer) {
  return (/** @type {any} */ ctx, /** @type {any[]} */ ...rest) =>
    call(() => answer(/** @type {any} */ (runtime)[name](new Context(ctx), HOST, ...rest)));
}

/** @param {string} name */
const nothing = (name) => exported(name, (found) => NOTHING(name, found));

/** @param {string} name */
const flag = (name) =>
  exported(name, (found) => {
    FLAG(name, found);
    return found;
  });

const updateUfs = flag("updateUfs");

export const implement = {
  describe: () => guarded(description),
  desired: exported("desired", (found) => toJson("desired", found)),
  validate: nothing("validate"),
  checkReady: flag("checkReady"),
  shouldCheckUfs: flag("shouldCheckUfs"),
  prepareUfs: nothing("prepareUfs"),
  setupWorkers: nothing("setupWorkers"),
  syncMetadata: nothing("syncMetadata"),
  storageStats: exported("storageStats", stats),
  cacheStates: exported("cacheStates", states),
  checkRuntimeHealthy: nothing("checkRuntimeHealthy"),
  shouldUpdateUfs: exported("shouldUpdateUfs", change),
  updateUfs: (/** @type {any} */ ctx, /** @type {any} */ wanted) => updateUfs(ctx, readChange(wanted)),
  syncReplicas: nothing("syncReplicas"),
  shutdown: nothing("shutdown"),
};

export const operations = {
  dataOperation: (/** @type {any} */ ctx, /** @type {string} */ kind, /** @type {string} */ operation) =>
    call(() => toJson("dataOperation", runtime.dataOperation(new Context(ctx), HOST, kind, fromJson(operation)))),
};

export const migration = {
  migrate: (/** @type {string} */ installed, /** @type {any} */ origin) =>
    call(() => toJson("migrate", runtime.migrate(fromJson(installed), readOrigin(origin)))),
};
