/**
 * Checks of what crosses to the host. What crosses to the host with another type would be converted or cut
 * without a word, as JavaScript does it.
 *
 * @typedef {(path: string, value: any) => void} Kind throws a TypeError if the value is of another kind
 */

// What a message shows of a value.
const LONGEST_SHOWN = 80;
// The host reads JSON to this depth.
const DEEPEST = 127;
// Whole numbers that the host reads as such in JSON.
const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 64n - 1n;
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** @param {string} text */
const cut = (text) => (text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);

/**
 * Returns a value as a message shows it.
 * @param {any} value
 * @returns {string}
 */
export function shown(value) {
  if (typeof value === "string") return cut(JSON.stringify(value));
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return cut(`${value}n`);
  if (typeof value !== "object" || value === null) return String(value);
  const name = String(value.constructor?.name ?? "object");
  if (name === "Generator" || name === "GeneratorFunction") return "a generator, as of a function with `yield`";
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

/** @type {Kind} */
export function TEXT(path, value) {
  kind("a text", (one) => typeof one === "string")(path, value);
  const half = value.search(HALF);
  if (half >= 0) throw new TypeError(`${path} has half a character at ${half}, which UTF-8 does not have`);
}
export const FLAG = kind("true or false", (value) => typeof value === "boolean");
export const NUMBER = kind("a finite number", Number.isFinite);
export const OBJECT = kind("an object such as {…}", isPlain);
export const NOTHING = kind("nothing", (value) => value === undefined || value === null);
/** Numbers cross as u64. */
export const COUNT = kind("a whole number from 0 on, above 2^53 a BigInt", (value) =>
  typeof value === "bigint" ? value >= 0n && value <= LARGEST : Number.isSafeInteger(value) && value >= 0,
);
export const SMALL_COUNT = kind(
  "a whole number from 0 to 4294967295",
  (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32,
);
export const PORT = kind("a port from 1 to 65535", (value) => Number.isInteger(value) && value > 0 && value < 2 ** 16);
export const SECONDS = kind("a number of seconds from 0 on", (value) => Number.isFinite(value) && value >= 0);
export const BYTES = kind("a Uint8Array, as of `new TextEncoder().encode(…)`", (value) => value instanceof Uint8Array);

/**
 * @param {...string} words
 * @returns {Kind}
 */
export function among(...words) {
  return kind(words.join(" or "), (value) => words.includes(value));
}

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
    // `forEach` leaves out holes.
    for (let at = 0; at < value.length; at += 1) item(`${path}[${at}]`, value[at]);
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
 * Returns a value as JSON. A field that is undefined is left out.
 * @param {string} path
 * @param {any} value
 * @param {number} depth
 * @returns {string}
 */
function json(path, value, depth = 0) {
  if (depth > DEEPEST) {
    throw new TypeError(`${cut(path)} is too deep, or in itself; the host reads ${DEEPEST} levels`);
  }
  if (Array.isArray(value)) {
    const items = Array.from(value, (one, at) => json(`${path}[${at}]`, one, depth + 1));
    return `[${items.join(",")}]`;
  }
  if (isPlain(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    const written = fields.map(([name, field]) => {
      TEXT(`a key of ${path}`, name);
      return `${JSON.stringify(name)}:${json(`${path}.${name}`, field, depth + 1)}`;
    });
    return `{${written.join(",")}}`;
  }
  if (typeof value === "bigint") {
    kind("a whole number from -2^63 to 2^64-1", () => value >= SMALLEST && value <= LARGEST)(path, value);
    return String(value);
  }
  if (typeof value === "number") NUMBER(path, value);
  else if (typeof value === "string") TEXT(path, value);
  else kind("what JSON can have", (one) => one === null || typeof one === "boolean")(path, value);
  return JSON.stringify(value);
}

/**
 * Returns an object as JSON.
 * @param {string} path
 * @param {any} value
 * @returns {string}
 */
export function toJson(path, value) {
  OBJECT(path, value);
  return json(path, value);
}

/**
 * Returns what can cross as a text: UTF-8 has no halves of characters.
 * @param {any} value
 * @returns {string}
 */
export function text(value) {
  return String(value).replace(HALF, "\ufffd");
}
