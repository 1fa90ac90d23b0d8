// Several selectors held against each other on the same descriptors. Readiness is a level, so once the
// kernel has settled they must all say the same; the first time that they do not is thrown, with what
// each of them said.
import { Socket } from "../../lib/net/mod.ts";
import type {
  DataArguments,
  FileObject,
  Ready,
  Selector,
  SelectorKey,
} from "../../lib/selectors/mod.ts";

/** Readiness that arrives between two questions looks like a disagreement, but does not last. */
const PATIENCE_MS = 250;

/** The selectors did not agree. */
export class DisagreementError extends Error {
  override readonly name = "DisagreementError";
}

type Outcome<R> = { readonly result: R } | { readonly error: Error & { code?: string } };

function outcomeOf<R>(action: () => R): Outcome<R> {
  try {
    return { result: action() };
  } catch (error) {
    return { error: error as Error };
  }
}

const errorName = (error: Error & { code?: string }) =>
  `${error.name === "Error" ? error.constructor.name : error.name}` +
  (error.code === undefined ? "" : ` ${error.code}`);

const say = (events: number) => `${events & 1 ? "R" : ""}${events & 2 ? "W" : ""}` || "-";
const sayKey = (key: SelectorKey<unknown>) => `ok, ${say(key.events)} of descriptor ${key.fd}`;

/** Whose descriptor it is, as far as the system can still tell. */
export function describeDescriptor(fd: number): string {
  const socket = Socket.fromFd(fd); // not closed here: it is the caller's
  const side = (which: "localAddress" | "remoteAddress") => {
    const address = outcomeOf(() => JSON.stringify(socket[which]));
    return "error" in address ? errorName(address.error) : address.result;
  };
  return `descriptor ${fd} (local ${side("localAddress")}, peer ${side("remoteAddress")})`;
}

/** A selector that is several. Methods return what the first one of them returned. */
export class DiffSelector<T = unknown> implements Disposable {
  readonly #selectors: readonly Selector<T>[];
  #turn = 0;

  /** Takes the selectors over: `close` closes them. They must have nothing registered. */
  constructor(selectors: readonly Selector<T>[]) {
    if (selectors.length < 2) throw new RangeError("Nothing to compare: fewer than two selectors");
    this.#selectors = selectors;
  }

  /** As `Selector.register`; descriptors at or above FD_SETSIZE only without "select". */
  register(fileobj: FileObject, events: number, data?: T): SelectorKey<T> {
    return this.#all(
      `register(…, ${events})`,
      fileobj,
      (s) => s.register(fileobj, events, ...[data] as unknown as DataArguments<T>),
    );
  }

  modify(fileobj: FileObject, events: number, data?: T): SelectorKey<T> {
    return this.#all(
      `modify(…, ${events})`,
      fileobj,
      (s) => s.modify(fileobj, events, ...[data] as unknown as DataArguments<T>),
    );
  }

  unregister(fileobj: FileObject): SelectorKey<T> {
    return this.#all("unregister", fileobj, (s) => s.unregister(fileobj));
  }

  getKey(fileobj: FileObject): SelectorKey<T> {
    return this.#all("getKey", fileobj, (s) => s.getKey(fileobj));
  }

  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    const maps = this.#selectors.map((s) => s.getMap());
    const contents = maps.map((map) => [...map.values()].map(sayKey).sort().join("; "));
    this.#compare("getMap()", contents, () => "");
    return maps[0]!;
  }

  /**
   * What all of them say is ready. One of them waits, another one each time; then all are asked until
   * they agree, or until they have disagreed for too long.
   */
  select(timeoutMs?: number): Ready<T>[] {
    if (timeoutMs === undefined || !(timeoutMs <= 0)) {
      const waiting = this.#selectors[this.#turn++ % this.#selectors.length]!;
      const waited = outcomeOf(() => waiting.select(timeoutMs));
      // A refused argument must be refused by the others, too; they do not wait for that.
      if ("error" in waited) {
        return this.#all(`select(${timeoutMs})`, undefined, (s) => s.select(timeoutMs));
      }
    }
    for (const deadline = performance.now() + PATIENCE_MS;;) {
      const outcomes = this.#selectors.map((s) => outcomeOf(() => s.select(0)));
      const said = outcomes.map(sayReady);
      if (said.every((text) => text === said[0])) return unwrap(outcomes[0]!);
      if (performance.now() > deadline) {
        this.#compare(`select(${timeoutMs ?? ""})`, said, () => differing(outcomes));
      }
    }
  }

  close(): void {
    for (const selector of this.#selectors) selector.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }

  #all<R>(call: string, fileobj: FileObject | undefined, ask: (s: Selector<T>) => R): R {
    const outcomes = this.#selectors.map((s) => outcomeOf(() => ask(s)));
    const said = outcomes.map((o) =>
      "error" in o
        ? errorName(o.error)
        : Array.isArray(o.result)
        ? sayReady(o as Outcome<Ready<T>[]>)
        : sayKey(o.result as SelectorKey<T>)
    );
    this.#compare(call, said, () => fileobj === undefined ? "" : ` for ${describeObject(fileobj)}`);
    return unwrap(outcomes[0]!);
  }

  #compare(call: string, said: string[], where: () => string): void {
    if (said.every((text) => text === said[0])) return;
    const each = this.#selectors.map((s, i) => `${s.name}: ${said[i]}`);
    throw new DisagreementError(`${call} differs${where()}\n  ${each.join("\n  ")}`);
  }
}

function describeObject(fileobj: FileObject): string {
  const fd = outcomeOf(() => typeof fileobj === "number" ? fileobj : fileobj.fileno());
  if ("error" in fd || typeof fd.result !== "number") return String(fileobj);
  return fd.result < 0 ? "a closed object" : describeDescriptor(fd.result);
}

function unwrap<R>(outcome: Outcome<R>): R {
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

/** Order is nobody's promise, so entries are sorted; an entry told twice shows as two. */
function sayReady<T>(outcome: Outcome<Ready<T>[]>): string {
  if ("error" in outcome) return errorName(outcome.error);
  const entries = outcome.result.toSorted(([a], [b]) => a.fd - b.fd);
  return entries.map(([key, events]) => `${key.fd}:${say(events)}`).join(" ") || "nothing ready";
}

/** The descriptors that not all tell of, or not in the same way. */
function differing<T>(outcomes: Outcome<Ready<T>[]>[]): string {
  const told = new Map<number, Set<string>>();
  const count = new Map<number, number>();
  for (const outcome of outcomes) {
    for (const [key, events] of "result" in outcome ? outcome.result : []) {
      (told.get(key.fd) ?? told.set(key.fd, new Set()).get(key.fd)!).add(say(events));
      count.set(key.fd, (count.get(key.fd) ?? 0) + 1);
    }
  }
  const fds = [...told.keys()].filter((fd) =>
    told.get(fd)!.size > 1 || count.get(fd) !== outcomes.length
  );
  return fds.length === 0 ? "" : ` for ${fds.map(describeDescriptor).join(", ")}`;
}
