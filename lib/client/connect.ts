/** Connecting by name: each address of a host in turn, within one deadline. */
import { type OSError, resolveHost, Socket } from "../net/mod.ts";
import { EVENT_WRITE } from "../selectors/mod.ts";
import { ERRNO, OSError as SystemError } from "../sys/errno.ts";
import { Loop } from "./loop.ts";

/** Longest wait when no timeout is given: the system gives up by itself before that. */
const SYSTEM_LIMIT_MS = 300_000;
/** The longest delay of a timer of the runtimes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 0x7fffffff;

/**
 * Connects to the first address of `host` that answers.
 *
 * @throws ResolveError; OSError of the last address tried, ETIMEDOUT after `timeoutMs`
 */
export async function connectTo(
  host: string,
  port: number,
  timeoutMs: number | undefined,
  interrupted: () => boolean,
): Promise<Socket | null> {
  const limit = timeoutMs ?? SYSTEM_LIMIT_MS;
  const deadline = performance.now() + limit;
  const late = () =>
    new SystemError(ERRNO.ETIMEDOUT!, "connect", `connect to ${host}:${port} within ${limit} ms`);
  let failure: unknown;
  for (const address of await within(limit, resolveHost(host), late)) {
    try {
      const socket = await connectOne(address, port, deadline, interrupted);
      if (socket || interrupted()) return socket;
      throw late();
    } catch (error) {
      if ((error as OSError).code === "ETIMEDOUT") throw error;
      failure = error;
    }
  }
  throw failure;
}

/** What `promise` resolves to, or an error when that takes longer than `ms`. */
function within<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.min(ms, LONGEST_TIMER_MS));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Null when the deadline or a signal came first. */
async function connectOne(
  host: string,
  port: number,
  deadline: number,
  interrupted: () => boolean,
): Promise<Socket | null> {
  const socket = Socket.connect({ host, port });
  try {
    using loop = new Loop();
    loop.watch(socket.fileno(), EVENT_WRITE, () => {});
    while (!socket.waitConnected(0)) {
      await loop.turn(Math.max(0, deadline - performance.now()));
      if (interrupted() || performance.now() >= deadline) {
        socket.close();
        return null;
      }
    }
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}
