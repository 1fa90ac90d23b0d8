/** Connecting to a name, with the thread left free. */
import { resolveHost } from "./address.ts";
import { checkCallback, checkSignal, checkText } from "../sys/arguments.ts";
import { checkPort } from "../sys/socket/sockaddr.ts";
import { checkDuration, checkEndpoint, ENDPOINT, familyOfBind } from "./arguments.ts";
import { type ConnectOptions, lateFor, targetName } from "./connect.ts";
import { type Attempt, Race } from "./race.ts";
import { Socket } from "./socket.ts";

/**
 * Whom to dial.
 *
 * @example
 * ```ts
 * import { dial, type DialOptions, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * const options: DialOptions = { host: "localhost", port: server.port, family: 4, timeoutMs: 1000 };
 * using client = await dial(options);
 * console.log(client.remoteAddress.family); // ipv4
 * ```
 */
export interface DialOptions extends ConnectOptions {
  /** Only addresses of IPv4, or of IPv6. */
  family?: 4 | 6;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/**
 * Waits until one of the sockets can be written to, at most `ms` milliseconds; it may be early. A program
 * with a loop of its own watches them with its selector.
 *
 * @example
 * ```ts
 * import { createSelector, dial, EVENT_WRITE, Socket, type WaitWritable } from "iomux";
 *
 * using selector = createSelector();
 * const wait: WaitWritable = async (sockets, ms) => {
 *   for (const socket of sockets) selector.register(socket, EVENT_WRITE);
 *   await selector.selectAsync(ms);
 *   for (const socket of sockets) selector.unregister(socket);
 * };
 * using server = Socket.listen({ host: "127.0.0.1" });
 * using client = await dial({ port: server.port }, wait);
 * console.log(client.remoteAddress.family); // ipv4
 * ```
 */
export type WaitWritable = (sockets: readonly Socket[], ms: number) => Promise<void>;

const KNOWN = [...ENDPOINT, "bind", "timeoutMs", "signal"];

/** How often sockets are looked at without a selector, in milliseconds: less often the longer it takes. */
const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 16;

/**
 * Connects to a host by name or address, or to a Unix socket, and leaves the thread free meanwhile.
 *
 * Every address of the name is tried: one 250 ms after the other, or as soon as the one before has failed
 * (RFC 8305). The first that is connected is returned; it is non-blocking. `wait` is for callers that have
 * a selector; without it the sockets are looked at every few milliseconds.
 *
 * @throws ResolveError when the name has no address; OSError of the last address that was reached, or else
 * of the last; ETIMEDOUT after `timeoutMs`, the name's resolution included; the signal's reason when it is
 * aborted
 *
 * @example
 * ```ts
 * import { dial, Socket } from "iomux";
 *
 * using server = Socket.listen({ host: "127.0.0.1" });
 * using client = await dial({ host: "localhost", port: server.port, timeoutMs: 1000 });
 * console.log(client.remoteAddress.family); // ipv4
 * ```
 */
export async function dial(options: DialOptions, wait: WaitWritable = pause): Promise<Socket> {
  checkEndpoint(options, KNOWN);
  checkSignal(options.signal);
  checkCallback(wait, "wait");
  const { path, port = 0, bind } = options;
  if (path !== undefined) return await dialPath(options, wait);
  return await dialBy(options, (host) => Socket.connect({ host, port, bind }), wait);
}

/** As `dial` with a host, for an owner that begins the attempts itself: `begin` gets an address. */
export async function dialBy<A extends Attempt>(
  options: DialOptions,
  begin: (address: string) => A,
  wait: (attempts: readonly A[], ms: number) => Promise<void>,
): Promise<A> {
  const { timeoutMs = Infinity, host = "127.0.0.1", port = 0, bind, signal } = options;
  const family = options.family ?? familyOfBind(bind);
  const deadline = deadlineOf(options);
  checkPort(port);
  const late = () => lateFor(targetName(options), timeoutMs);
  const resolving = resolveHost(checkText(host, "host"), family);
  const addresses = await unlessAborted(within(deadline, late, resolving), signal);
  const race = new Race(addresses, begin);
  try {
    for (let look = FIRST_LOOK_MS;; look = Math.min(2 * look, LONGEST_LOOK_MS)) {
      signal?.throwIfAborted();
      const connected = race.advance();
      if (connected) return connected;
      const left = deadline - performance.now();
      if (left <= 0) throw late();
      const most = wait as unknown === pause ? look : LONGEST_TIMER_MS;
      await wait(race.attempts, Math.min(most, left, race.delayMs));
    }
  } finally {
    race.close();
  }
}

/** No readiness says when a Unix listener whose backlog is full (EAGAIN) has room: it is asked again. */
async function dialPath(options: DialOptions, wait: WaitWritable): Promise<Socket> {
  const { path, signal, timeoutMs } = options;
  const deadline = deadlineOf(options);
  for (let look = FIRST_LOOK_MS;; look = Math.min(2 * look, LONGEST_LOOK_MS)) {
    signal?.throwIfAborted();
    try {
      return Socket.connect({ path: path! });
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw lateFor(targetName(options), timeoutMs!);
    await wait([], Math.min(look, left));
  }
}

/** When to give up, in milliseconds of performance.now(). */
function deadlineOf({ timeoutMs = Infinity, signal }: DialOptions): number {
  checkDuration(timeoutMs);
  signal?.throwIfAborted();
  return performance.now() + timeoutMs;
}

/** The longest delay of a timer; a longer one would fire at once. */
const LONGEST_TIMER_MS = 0x7fffffff;

const pause: WaitWritable = (_, ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** As `resolveHost`, until the signal comes: a name server may take its time, or not answer at all. */
export const resolveUntil = (
  signal: AbortSignal | undefined,
  host: string,
  family?: 4 | 6,
): Promise<string[]> => unlessAborted(resolveHost(host, family), signal);

/** What a promise resolves to, unless the deadline comes first. */
function within<T>(deadline: number, late: () => Error, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const left = Math.min(Math.max(0, deadline - performance.now()), LONGEST_TIMER_MS);
    const timer = setTimeout(() => reject(late()), left);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The same, unless the signal comes first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
