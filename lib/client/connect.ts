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
  const deadline = performance.now() + (timeoutMs ?? SYSTEM_LIMIT_MS);
  let failure: unknown;
  for (const address of await resolveHost(host)) {
    try {
      const socket = await connectOne(address, port, deadline, interrupted);
      if (socket || interrupted()) return socket;
      const action = `connect to ${host}:${port} within ${timeoutMs ?? SYSTEM_LIMIT_MS} ms`;
      throw new SystemError(ERRNO.ETIMEDOUT!, "connect", action);
    } catch (error) {
      if ((error as OSError).code === "ETIMEDOUT") throw error;
      failure = error;
    }
  }
  throw failure;
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
    while (!socket.waitConnected(Math.min(STEP_MS, deadline - performance.now()))) {
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
