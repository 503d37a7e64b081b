/**
 * Checks of what methods return. What crosses to the host with another type would be converted or cut
 * without a word, as JavaScript does it.
 *
 * @typedef {(path: string, value: any) => void} Kind throws a TypeError if the value is of another kind
 */

/**
 * Returns a value as a message shows it.
 * @param {any} value
 * @returns {string}
 */
function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const name = value.constructor?.name ?? "object";
  return name === "Promise" ? "a Promise, as of an async function" : `of the type ${name}`;
}

/**
 * @param {string} called
 * @param {(value: any) => boolean} fits
 * @returns {Kind}
 */
function kind(called, fits) {
  return (path, value) => {
    if (!fits(value)) throw new TypeError(`${path} is ${shown(value)}, and must be ${called}`);
  };
}

/** @param {any} value */
function isPlain(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

export const TEXT = kind("a text", (value) => typeof value === "string");
export const FLAG = kind("true or false", (value) => typeof value === "boolean");
export const NUMBER = kind("a number", (value) => typeof value === "number");
export const OBJECT = kind("an object such as {…}", isPlain);
export const NOTHING = kind("nothing", (value) => value === undefined || value === null);
/** Numbers cross as u64; those above 2^53 are a BigInt. */
export const COUNT = kind("a whole number from 0 on", (value) =>
  typeof value === "bigint" ? value >= 0n && value < 2n ** 64n : Number.isSafeInteger(value) && value >= 0,
);
export const SMALL_COUNT = kind(
  "a whole number from 0 to 4294967295",
  (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32,
);

/**
 * @param {...Function} classes
 * @returns {Kind}
 */
export function instance(...classes) {
  const called = classes.map((one) => `a ${one.name}`).join(" or ");
  return kind(called, (value) => classes.some((one) => value instanceof one));
}

/**
 * @param {Kind} other
 * @returns {Kind}
 */
export function optional(other) {
  return (path, value) => {
    if (value !== undefined && value !== null) other(path, value);
  };
}

/**
 * @param {Kind} item
 * @returns {Kind}
 */
export function list(item) {
  const isList = kind("a list", Array.isArray);
  return (path, value) => {
    isList(path, value);
    value.forEach((/** @type {any} */ one, /** @type {number} */ at) => item(`${path}[${at}]`, one));
  };
}

/**
 * An object with these fields and no others.
 * @param {Record<string, Kind>} fields
 * @returns {Kind}
 */
export function shape(fields) {
  return (path, value) => {
    OBJECT(path, value);
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) {
        throw new TypeError(`${path}.${name} is not known; there are ${Object.keys(fields).join(", ")}`);
      }
    }
    for (const [name, check] of Object.entries(fields)) check(`${path}.${name}`, value[name]);
  };
}

/**
 * What JSON can have. A field that is undefined is left out.
 * @type {Kind}
 */
function json(path, value) {
  if (Array.isArray(value)) list(json)(path, value);
  else if (isPlain(value)) {
    for (const [name, field] of Object.entries(value)) {
      if (field !== undefined) json(`${path}.${name}`, field);
    }
  } else if (typeof value === "number") {
    kind("a finite number", Number.isFinite)(path, value);
  } else {
    kind("what JSON can have", (one) => one === null || ["string", "boolean"].includes(typeof one))(path, value);
  }
}

/**
 * Returns an object as JSON.
 * @param {string} path
 * @param {any} value
 * @returns {string}
 */
export function toJson(path, value) {
  OBJECT(path, value);
  json(path, value);
  return JSON.stringify(value);
}

/**
 * Returns what can cross as a text: UTF-8 has no halves of characters.
 * @param {any} value
 * @returns {string}
 */
export function text(value) {
  return String(value).replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}
