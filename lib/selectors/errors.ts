/** What selectors throw, beside OSError, RangeError and TypeError: the same on every backend. */

/**
 * `register` of a descriptor that is registered.
 *
 * @example
 * ```ts
 * import { AlreadyRegisteredError, createSelector, EVENT_READ, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a] = socketPair();
 * selector.register(a, EVENT_READ);
 * try {
 *   selector.register(a, EVENT_READ);
 * } catch (error) {
 *   console.log(error instanceof AlreadyRegisteredError); // true
 * }
 * ```
 */
export class AlreadyRegisteredError extends Error {
  /** "AlreadyRegisteredError" */
  override readonly name = "AlreadyRegisteredError";
}

/**
 * `unregister`, `modify` or `getKey` of something that is not registered.
 *
 * @example
 * ```ts
 * import { createSelector, NotRegisteredError, socketPair } from "iomux";
 *
 * using selector = createSelector();
 * const [a] = socketPair();
 * try {
 *   selector.unregister(a);
 * } catch (error) {
 *   console.log(error instanceof NotRegisteredError); // true
 * }
 * ```
 */
export class NotRegisteredError extends Error {
  /** "NotRegisteredError" */
  override readonly name = "NotRegisteredError";
}

/**
 * `register` with an option that this backend does not have.
 *
 * @example
 * ```ts
 * import { EVENT_READ, SelectSelector, socketPair, UnsupportedModeError } from "iomux";
 *
 * using selector = new SelectSelector();
 * const [a] = socketPair();
 * try {
 *   selector.register(a, EVENT_READ, undefined, { edge: true });
 * } catch (error) {
 *   console.log(error instanceof UnsupportedModeError); // true
 * }
 * ```
 */
export class UnsupportedModeError extends Error {
  /** "UnsupportedModeError" */
  override readonly name = "UnsupportedModeError";
}

/**
 * Any call but `close` after `close`.
 *
 * @example
 * ```ts
 * import { createSelector, SelectorClosedError } from "iomux";
 *
 * const selector = createSelector();
 * selector.close();
 * try {
 *   selector.select(0);
 * } catch (error) {
 *   console.log(error instanceof SelectorClosedError); // true
 * }
 * ```
 */
export class SelectorClosedError extends Error {
  /** "SelectorClosedError" */
  override readonly name = "SelectorClosedError";
}
