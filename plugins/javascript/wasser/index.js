/**
 * The SDK for runtimes of Wasser in JavaScript.
 *
 * A runtime is the default export of `app.js`, a subclass of `Runtime`. Everything but `component.js`,
 * `imports.js` and `sandbox.js` runs in Node too, so that a runtime can be tested without a component.
 */

export { Bytes, Share, Text, Unknown } from "./answers.js";
export { Context, Fields } from "./context.js";
export { Role, Want } from "./description.js";
export {
  Conflict,
  Failed,
  HostError,
  Invalid,
  NotFound,
  NotGranted,
  NotSupported,
  RetryAfter,
  Throttled,
  TimedOut,
  WasserError,
} from "./errors.js";
export { Host } from "./host.js";
export { Runtime, methods } from "./runtime.js";
