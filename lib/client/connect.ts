/** Connecting by name: each address of a host in turn, within one deadline. */
import { type OSError, resolveHost, Socket } from "../net/mod.ts";
import { ERRNO, OSError as SystemError } from "../sys/errno.ts";
import { yieldToSignals } from "./yield.ts";

/** Longest wait when no timeout is given: the system gives up by itself before that. */
const SYSTEM_LIMIT_MS = 300_000;
/** Between looks at a connect that goes on; a wait for readiness would hold signals up. */
const STEP_MS = 50;

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
    const timer = setTimeout(() => reject(late()), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits in short steps, so that signals are handled; null when the deadline or a signal came first. */
async function connectOne(
  host: string,
  port: number,
  deadline: number,
  interrupted: () => boolean,
): Promise<Socket | null> {
  const socket = Socket.connect({ host, port });
  try {
    const step = () => Math.max(0, Math.min(STEP_MS, deadline - performance.now()));
    while (!socket.waitConnected(step())) {
      await yieldToSignals();
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
