/**
 * The checks of what callers pass in: what TypeScript refuses must not become a default, a silent 0, or an
 * error that each runtime words in its own way.
 */

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A value as text. Some objects have none: those without a prototype, and those whose functions throw. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return kindOf(value);
  }
}

/**
 * Checks the options of a call. One that has no such name is an error: a slip of the pen would otherwise
 * mean the default, such as a random port instead of the one that was written.
 *
 * @throws TypeError when they are no object, or for an option that is not among `known`
 */
export function checkOptions(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`Invalid options: ${kindOf(options)}; use { ${known.join(", ")} }`);
  }
  for (const name in options) {
    if (known.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue;
    throw new TypeError(`Unknown option "${name}"; there are ${known.join(", ")}`);
  }
}

/** @throws TypeError unless the value is a string */
export function checkText(value: unknown, name: string): string {
  if (typeof value !== "string") throw new TypeError(`Invalid ${name}: ${kindOf(value)}; use text`);
  return value;
}

/** @throws TypeError unless the value is true or false */
export function checkFlag(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`Invalid ${name}: ${kindOf(value)}; use true or false`);
}

/** @throws TypeError unless the value is true, false, or not given: false */
export const checkOptionalFlag = (value: unknown, name: string): boolean =>
  value === undefined ? false : checkFlag(value, name);

/** @throws TypeError unless the value is a function */
export function checkCallback(value: unknown, name: string): void {
  if (typeof value !== "function") {
    throw new TypeError(`Invalid ${name}: ${kindOf(value)}; use a function`);
  }
}

/** @throws TypeError unless the value is an AbortSignal, or not given */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new TypeError(`Invalid signal: ${kindOf(value)}; use an AbortSignal`);
}

/** @throws TypeError for what is no number, RangeError unless it is an integer from least to most */
export function checkInteger(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`Invalid ${name}: ${kindOf(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Invalid ${name} ${value}: use an integer from ${least} to ${most}`);
  }
  return value + 0; // no -0, which Deno and Node do not take for an integer of C
}

/** @throws TypeError for what is no number, RangeError unless it is 0 or more, Infinity included */
export function checkAmount(value: unknown, name: string, unit: string): void {
  if (typeof value !== "number") throw new TypeError(`Invalid ${name}: ${kindOf(value)}`);
  if (!(value >= 0)) throw new RangeError(`Invalid ${name}: ${value} ${unit}`);
}

/** @throws TypeError for what is no text, RangeError unless it is one of the words */
export function checkWord<W extends string>(value: unknown, name: string, words: readonly W[]): W {
  const found = words.find((word) => word === checkText(value, name));
  if (found !== undefined) return found;
  throw new RangeError(`Invalid ${name} "${value}": use ${words.join(" or ")}`);
}
