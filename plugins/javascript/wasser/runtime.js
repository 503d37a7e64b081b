/** The methods of a runtime. */

import { NotSupported } from "./errors.js";

/**
 * @typedef {import("./context.js").Context} Context
 * @typedef {import("./host.js").Host} Host
 */

/**
 * A runtime. Only `describe` and `desired` are required; the host calls no other method that a class does
 * not define, and does for those what is said under "Otherwise".
 *
 * A method throws `Invalid`, `RetryAfter` or `Failed` if it cannot do its work, and may throw
 * `NotSupported` to leave one call to the host. None is async. Values and answers must be the same for
 * the same context.
 */
export class Runtime {
  /** Fails if the name of a method is misspelt. */
  constructor() {
    checkNames(this);
  }

  /**
   * Returns what the runtime consists of.
   * @returns {import("./description.js").Description}
   */
  describe() {
    throw new TypeError("the runtime has no method `describe`");
  }

  /**
   * Returns the chart values that the runtime and the Dataset ask for.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {Record<string, any>}
   */
  desired(ctx, host) {
    throw new TypeError("the runtime has no method `desired`");
  }

  /**
   * Refuses a spec that cannot work. Otherwise: every spec is accepted.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  validate(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Returns whether a role serves. Otherwise: it does if one of its pods is ready.
   * @param {Context} ctx
   * @param {Host} host
   * @param {string} role
   * @returns {boolean}
   */
  checkReady(ctx, host, role) {
    throw new NotSupported();
  }

  /**
   * Returns whether `prepareUfs` is needed. Otherwise: it is not.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {boolean}
   */
  shouldCheckUfs(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Mounts the data sources into the cache system. Otherwise: nothing is mounted.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  prepareUfs(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Prepares the system before the workers are scaled up. Otherwise: nothing is prepared.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  setupWorkers(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Makes the system read the metadata of its sources. Otherwise: nothing is read.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  syncMetadata(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Returns the size of the file system. Otherwise: the Dataset shows none.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {import("./answers.js").StorageStats}
   */
  storageStats(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Returns what `status.cacheStates` shows. Otherwise: nothing is shown.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {Record<string, import("./answers.js").Measure>}
   */
  cacheStates(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Fails if the system is not healthy. Otherwise: ready pods are.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  checkRuntimeHealthy(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Returns how the wanted mounts differ from those that there are. Otherwise: not at all.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {import("./answers.js").UfsChange}
   */
  shouldUpdateUfs(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Changes the mounts, and returns whether all are as wanted. Otherwise: they are once the values are.
   * @param {Context} ctx
   * @param {Host} host
   * @param {Required<import("./answers.js").UfsChange>} change
   * @returns {boolean}
   */
  updateUfs(ctx, host, change) {
    throw new NotSupported();
  }

  /**
   * Adapts the system to another number of workers. Otherwise: nothing is adapted.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  syncReplicas(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Tries once to empty the cache. Otherwise: nothing is emptied.
   * @param {Context} ctx
   * @param {Host} host
   * @returns {void}
   */
  shutdown(ctx, host) {
    throw new NotSupported();
  }

  /**
   * Returns the plan of a DataLoad, DataMigrate or DataBackup; docs/data-operations.md has its fields.
   * Otherwise: a DataLoad reads the files through the volume, and the others are refused.
   * @param {Context} ctx
   * @param {Host} host
   * @param {string} kind
   * @param {Record<string, any>} operation
   * @returns {Record<string, any>}
   */
  dataOperation(ctx, host, kind, operation) {
    throw new NotSupported();
  }

  /**
   * Returns the values that this version counts as installed where `origin` has installed these.
   * Otherwise: they are left as they are.
   * @param {Record<string, any>} installed
   * @param {import("./answers.js").Origin} origin
   * @returns {Record<string, any>}
   */
  migrate(installed, origin) {
    throw new NotSupported();
  }
}

/** The methods that a class may leave out. `dataOperation` and `migrate` are always asked. */
const OPTIONAL = /** @type {const} */ ([
  "validate",
  "checkReady",
  "shouldCheckUfs",
  "prepareUfs",
  "setupWorkers",
  "syncMetadata",
  "storageStats",
  "cacheStates",
  "checkRuntimeHealthy",
  "shouldUpdateUfs",
  "updateUfs",
  "syncReplicas",
  "shutdown",
]);

/**
 * Returns the optional methods that a runtime has, as the host calls them.
 * @param {Runtime} runtime
 * @returns {string[]}
 */
export function methods(runtime) {
  return OPTIONAL.filter((name) => runtime[name] !== Runtime.prototype[name]).map((name) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
}

// How many letters of a name may be wrong for it to be taken for that of a method.
const MISSPELT = 2;

/**
 * Returns a name as one compares them: `check_ready` is `checkReady`.
 * @param {string} name
 */
const plain = (name) => name.replaceAll("_", "").toLowerCase();

/**
 * Returns how many letters have to be added, removed or changed to make one name of another.
 * @param {string} one
 * @param {string} other
 */
function distance(one, other) {
  const row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    let above = row[0];
    row[0] = at + 1;
    for (const [to, wanted] of [...other].entries()) {
      const changed = above + (letter === wanted ? 0 : 1);
      above = row[to + 1];
      row[to + 1] = Math.min(above + 1, row[to] + 1, changed);
    }
  }
  return row[other.length];
}

/**
 * Fails if a runtime has a method that nobody calls, and whose name is nearly that of one that the host calls.
 * @param {Runtime} runtime
 */
export function checkNames(runtime) {
  const known = Object.getOwnPropertyNames(Runtime.prototype).filter((name) => name !== "constructor");
  for (let found = runtime; found && found !== Runtime.prototype; found = Object.getPrototypeOf(found)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(found))) {
      const isOther = name === "constructor" || known.includes(name) || name.startsWith("_");
      if (isOther || typeof value !== "function") continue;
      const meant = known.find((one) => distance(plain(name), plain(one)) <= MISSPELT);
      if (meant) {
        throw new TypeError(
          `\`${name}\` of ${runtime.constructor.name} is never called; the host calls \`${meant}\`. ` +
            "If it is something else, begin its name with `_`",
        );
      }
    }
  }
}
