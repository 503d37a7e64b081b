/**
 * Commands in pods, and what they leave behind.
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
 * @property {boolean} [truncated] whether there was more standard output than the limit of the registration
 * @property {boolean} [stderrTruncated] whether there was more standard error
 */

import { BYTES, SECONDS, TEXT, list, optional, shape } from "./checked.js";
import { HostError, TimedOut } from "./errors.js";

/** How a command ends that takes too long, and one that writes too much. */
export const TIMED_OUT = "did not finish in time";
export const CUT_OFF = "wrote more than the limit, and was cut off";

/** @type {import("./checked.js").Kind} */
export const COMMAND = shape({
  pod: TEXT,
  argv: list(TEXT),
  timeout: optional(SECONDS),
  container: optional(TEXT),
  stdin: optional(BYTES),
});

/**
 * Returns what a command wrote, without surrounding white space.
 * @param {Uint8Array} bytes
 */
export const decoded = (bytes) => new TextDecoder().decode(bytes).trim();

/**
 * Returns why a command has not ended by itself, or its standard output is not whole.
 * @param {Output} output
 * @returns {HostError | undefined}
 */
export function unfinished({ code, ending, truncated, stdout }) {
  const hasEnded = code !== undefined && code !== null;
  if (!hasEnded && ending === TIMED_OUT) return new TimedOut();
  if (!hasEnded && ending !== CUT_OFF) return new HostError(ending ?? "it did not end by itself");
  if (truncated) {
    return new HostError(`the output is longer than \`limits.output\` of the registration, ${stdout.length} bytes`);
  }
  return hasEnded ? undefined : new HostError("it writes errors without end");
}
