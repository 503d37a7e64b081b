/**
 * What a component finds around it: no files, no clock, no network, no standard output. Only a component
 * can import this, and imports it first: what leads to something that is not there throws an exception
 * that names the remedy, also while the component is built.
 */

import { log } from "wasser:log/log@0.1.0";

import { text } from "./checked.js";

// The host cuts longer faults, and the innermost places say most.
const LONGEST_MESSAGE = 300;
const INNERMOST = 3;
const OUTERMOST = 2;

/**
 * Returns a function that throws.
 * @param {string} message
 */
function refuse(message) {
  return () => {
    throw new Error(message);
  };
}

const noClock = refuse("there is no clock, so that the same context leads to the same answer; use `ctx.nowMs`");
const noRandom = refuse("there is no randomness, so that the same context leads to the same answer");
const noWait = refuse("nothing waits here; throw RetryAfter");
const noNetwork = refuse("there is no network; ask pods with `host.run` and `host.httpGet`");

globalThis.Date = new Proxy(Date, {
  construct: (target, given, made) => (given.length ? Reflect.construct(target, given, made) : noClock()),
  apply: noClock,
});
Date.now = noClock;
Math.random = noRandom;
const absent = {
  setTimeout: noWait,
  setInterval: noWait,
  fetch: noNetwork,
  crypto: { getRandomValues: noRandom, randomUUID: noRandom },
  performance: { now: noClock },
};
for (const [name, value] of Object.entries(absent)) Object.defineProperty(globalThis, name, { value });

/**
 * Returns a value as a text, whatever it is: an object without a prototype has no text.
 * @param {any} value
 */
function plain(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** @param {any} value */
function shown(value) {
  if (typeof value !== "object" || value instanceof Error) return plain(value);
  try {
    return JSON.stringify(value);
  } catch {
    return plain(value);
  }
}

let isOpen = false;

/** Opens the log: while the component is built there is none, and lines are lost. */
export function begin() {
  isOpen = true;
}

/** Closes the log, for a method that waits for a result: it does not know how to go on. */
export function silence() {
  isOpen = false;
}

/** @type {(level: "debug" | "info" | "warn") => (...said: any[]) => void} */
const line =
  (level) =>
  (...said) => {
    if (isOpen) log(level, text(said.map(shown).join(" ")));
  };
Object.assign(console, { debug: line("debug"), log: line("info"), info: line("info"), warn: line("warn") });
Object.assign(console, { dir: console.log, table: console.log, trace: console.log });
Object.assign(console, { time: noClock, timeEnd: noClock, timeLog: noClock });
// The host would quote a line of the level `error` as the reason of a fault.
console.error = console.warn;

/**
 * Returns the message of an exception, and where it was thrown, the innermost place first.
 * @param {any} error
 * @returns {string}
 */
function fault(error) {
  if (!(error instanceof Error)) return text(`what is not an Error was thrown: ${plain(error)}`);
  const places = (error.stack ?? "")
    .split("\n")
    .map((place) => /^(.*)@(.*):(\d+):\d+$/.exec(place))
    // Neither the SDK, nor what is generated.
    .filter((place) => place && !/(^|\/)wasser\/\w+\.js$|initializer\.js$/.test(place[2]))
    .map((place) => `${place?.[2]}:${place?.[3]}${place?.[1] ? ` in ${place[1]}` : ""}`);
  if (places.length > INNERMOST + OUTERMOST) places.splice(INNERMOST, places.length - INNERMOST - OUTERMOST, "…");
  const said = error.message ? `${error.name}: ${error.message.slice(0, LONGEST_MESSAGE)}` : error.name;
  return text(places.length ? `${said} at ${places.join(" < ")}` : said);
}

/**
 * Ends the component because of what a method did not mean to throw. The host quotes the last error of
 * the log in the message of the fault.
 * @param {any} error
 * @returns {never}
 */
export function end(error) {
  log("error", fault(error));
  // The compiler's bindings trap if they are given an Error.
  throw error instanceof Error ? error : new Error(plain(error));
}
