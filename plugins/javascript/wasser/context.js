/**
 * What the host knows of the runtime that a method is called for.
 *
 * @typedef {{desired: number, ready: number}} RoleStatus how many pods of a role there are
 *
 * @typedef {object} Facts the resource of `wasser:context`, a function for each fact
 * @property {() => string} namespace
 * @property {() => string} name
 * @property {() => string} datasetId
 * @property {() => string} runtime
 * @property {() => string | undefined} dataset
 * @property {() => string} mountPath
 * @property {() => string} fuseLabel
 * @property {() => [string, string][]} images
 * @property {() => [string, string][]} settings
 * @property {() => string | undefined} installed
 * @property {() => {name: string, desired: number, ready: number}[]} roles
 * @property {() => bigint | number} now
 * @property {() => {capability: string, scope: string[]}[]} granted
 */

import { shown } from "./checked.js";
import { Want } from "./description.js";
import { Failed, Invalid } from "./errors.js";
import { fromJson } from "./json.js";

/**
 * An object that a user has written. What has another type than expected is refused by its path. A field
 * that is null counts as left out.
 */
export class Fields {
  /**
   * @param {string} path
   * @param {any} value
   */
  constructor(path, value) {
    this.path = path;
    /** @type {Record<string, any>} */
    this.value = value ?? {};
    if (typeof this.value !== "object" || Array.isArray(this.value)) throw new Invalid(path, "must be an object");
  }

  /**
   * Returns a text. One that is missing is refused if there is no default.
   * @param {string} name
   * @param {string} [otherwise]
   * @returns {string}
   */
  text(name, otherwise) {
    return this.#read(name, (value) => typeof value === "string", "a text", otherwise);
  }

  /**
   * Returns a text, or undefined if it is missing.
   * @param {string} name
   * @returns {string | undefined}
   */
  optionalText(name) {
    return (this.#get(name) ?? undefined) === undefined ? undefined : this.text(name);
  }

  /**
   * Returns a list of texts. One that is missing is refused if there is no default.
   * @param {string} name
   * @param {string[]} [otherwise]
   * @returns {string[]}
   */
  texts(name, otherwise) {
    /** @type {any[]} */
    const found = this.#read(name, Array.isArray, "a list of texts", otherwise);
    found.forEach((item, at) => {
      if (typeof item !== "string") throw new Invalid(`${this.path}.${name}[${at}]`, "must be a text");
    });
    return found;
  }

  /**
   * Returns a number, whole or not.
   * @param {string} name
   * @param {number} [otherwise]
   * @returns {number}
   */
  number(name, otherwise) {
    return Number(this.#read(name, (value) => ["number", "bigint"].includes(typeof value), "a number", otherwise));
  }

  /**
   * Returns a whole number. One above 2^53 is refused; `value` has it, as a BigInt.
   * @param {string} name
   * @param {number} [otherwise]
   * @returns {number}
   */
  integer(name, otherwise) {
    const called = typeof this.#get(name) === "bigint" ? "a whole number up to 2^53" : "a whole number";
    return this.#read(name, Number.isSafeInteger, called, otherwise);
  }

  /**
   * Returns true or false.
   * @param {string} name
   * @param {boolean} [otherwise]
   * @returns {boolean}
   */
  flag(name, otherwise) {
    return this.#read(name, (value) => typeof value === "boolean", "true or false", otherwise);
  }

  /**
   * Returns an object, which is empty if it is missing.
   * @param {string} name
   * @returns {Fields}
   */
  fields(name) {
    return new Fields(`${this.path}.${name}`, this.#get(name));
  }

  /**
   * Returns a list of objects, which is empty if it is missing.
   * @param {string} name
   * @returns {Fields[]}
   */
  items(name) {
    /** @type {any[]} */
    const found = this.#read(name, Array.isArray, "a list", []);
    return found.map((item, at) => new Fields(`${this.path}.${name}[${at}]`, item));
  }

  /** @param {string} name */
  #get(name) {
    return Object.hasOwn(this.value, name) ? this.value[name] : undefined;
  }

  /**
   * @param {string} name
   * @param {(value: any) => boolean} fits
   * @param {string} called
   * @param {any} otherwise
   */
  #read(name, fits, called, otherwise) {
    if (otherwise !== undefined && otherwise !== null && !fits(otherwise)) {
      throw new TypeError(`the default of ${this.path}.${name} is ${shown(otherwise)}, and must be ${called}`);
    }
    const value = this.#get(name) ?? otherwise;
    if (fits(value)) return value;
    const wrong = value === undefined || value === null ? "is missing; give" : "must be";
    throw new Invalid(`${this.path}.${name}`, `${wrong} ${called}`);
  }
}

/** The runtime, and what belongs to it. Each fact is asked for when it is first read. */
export class Context {
  /** @type {Map<string, any>} */
  #known = new Map();

  /** @param {Facts} facts */
  constructor(facts) {
    this.facts = facts;
  }

  /** Namespace of the runtime and of its Dataset. */
  get namespace() {
    return this.#once("namespace", (facts) => facts.namespace());
  }

  /** Name of the runtime and of its Dataset. */
  get name() {
    return this.#once("name", (facts) => facts.name());
  }

  /** The value of the label `fluid.io/dataset-id`. */
  get datasetId() {
    return this.#once("datasetId", (facts) => facts.datasetId());
  }

  /**
   * The whole runtime object.
   * @returns {Record<string, any>}
   */
  get runtime() {
    return this.#once("runtime", (facts) => fromJson(facts.runtime()));
  }

  /** The spec of the runtime. */
  get spec() {
    return this.#once("spec", () => new Fields(`${this.runtime.kind}.spec`, this.runtime.spec));
  }

  /** Whether the Dataset is there; only `shutdown` can find that it is not. */
  get hasDataset() {
    return this.#once("hasDataset", (facts) => facts.dataset() !== undefined);
  }

  /**
   * The whole Dataset, with metadata and status; undefined once it is gone.
   * @returns {Record<string, any> | undefined}
   */
  get datasetObject() {
    return this.#once("datasetObject", (facts) => {
      const text = facts.dataset();
      return text === undefined ? undefined : fromJson(text);
    });
  }

  /** The spec of the Dataset. */
  get dataset() {
    return this.#once("dataset", () => {
      if (!this.datasetObject) throw new Failed("the Dataset is gone");
      return new Fields("Dataset.spec", this.datasetObject.spec);
    });
  }

  /** Where the client mounts the file system on a node. */
  get mountPath() {
    return this.#once("mountPath", (facts) => facts.mountPath());
  }

  /** The node label that brings a client to a node, with the value `true`. */
  get fuseLabel() {
    return this.#once("fuseLabel", (facts) => facts.fuseLabel());
  }

  /**
   * Images by role, as the registration lists them.
   * @returns {Record<string, string>}
   */
  get images() {
    return this.#once("images", (facts) => Object.fromEntries(facts.images()));
  }

  /**
   * Returns the image of a role, or fails with what the registration lacks.
   * @param {string} role
   * @returns {string}
   */
  image(role) {
    if (!Object.hasOwn(this.images, role)) throw new Failed(`the registration lists no image \`${role}\``);
    return this.images[role];
  }

  /**
   * Settings of the installation, as the registration lists them.
   * @returns {Record<string, string>}
   */
  get settings() {
    return this.#once("settings", (facts) => Object.fromEntries(facts.settings()));
  }

  /**
   * The values that are installed; undefined before the first installation.
   * @returns {Record<string, any> | undefined}
   */
  get installed() {
    return this.#once("installed", (facts) => {
      const text = facts.installed();
      return text === undefined ? undefined : fromJson(text);
    });
  }

  /**
   * The pods of the roles, as last seen.
   * @returns {Record<string, RoleStatus>}
   */
  get roles() {
    return this.#once("roles", (facts) =>
      Object.fromEntries(facts.roles().map(({ name, desired, ready }) => [name, { desired, ready }])),
    );
  }

  /**
   * The time in milliseconds since 1970, the same for all calls of a reconcile.
   * @returns {number}
   */
  get nowMs() {
    return this.#once("nowMs", (facts) => Number(facts.now()));
  }

  /**
   * The capabilities that hold: those that `describe` wants and the registration grants.
   * @returns {Want[]}
   */
  get granted() {
    return this.#once("granted", (facts) => facts.granted().map(({ capability, scope }) => new Want(capability, scope)));
  }

  /**
   * Returns whether a capability holds, for this scope if it has scopes.
   * @param {string} capability
   * @param {string} [scope]
   * @returns {boolean}
   */
  isGranted(capability, scope) {
    const of = this.granted.filter((want) => want.capability === capability);
    return of.some((want) => scope === undefined || want.scope.includes(scope));
  }

  /**
   * @template T
   * @param {string} name
   * @param {(facts: Facts) => T} read
   * @returns {T}
   */
  #once(name, read) {
    if (!this.#known.has(name)) this.#known.set(name, read(this.facts));
    return this.#known.get(name);
  }
}
