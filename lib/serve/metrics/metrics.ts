/** The metrics of a server as the main thread sees them: where they are, and how they end. */
import { listenOnHost } from "../../engine/listen_host.ts";
import type { Thread } from "../../engine/mod.ts";
import { formatAddress, OSError, Socket } from "../../net/mod.ts";
import { wakeDescriptor } from "../../selectors/waker.ts";
import { closeFd } from "../../sys/posix.ts";
import type { StatsMemory } from "../stats.ts";
import type { MetricsWorkerData, MetricsWorkerMessage } from "./worker.ts";

/** Starts the thread; main.ts provides it, because Workers can only be started there. */
export type SpawnMetrics = (role: "metrics", data: MetricsWorkerData) => Thread;

export interface Metrics {
  /** "127.0.0.1:9100" */
  readonly name: string;
  /** Resolves when its thread has ended. */
  close(): Promise<void>;
}

/**
 * Listens on every address of a host, and answers from a thread of its own. It writes to `log` which addresses
 * can't be had while another can, and that the thread has ended by itself.
 *
 * @throws OSError when an address can't be bound, ResolveError when the host has none
 */
export async function startMetrics(
  at: { readonly host: string; readonly port: number },
  data: { readonly stats: StatsMemory; readonly version: string },
  spawn: SpawnMetrics,
  log: { warn(message: string): void; error(message: string): void },
): Promise<Metrics> {
  const control = new Int32Array(new SharedArrayBuffer(4));
  let sockets: Socket[];
  try {
    const open = (host: string, port: number) => [Socket.listen({ host, port })];
    sockets = (await listenOnHost({ ...at, open, warn: log.warn })).flat();
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    const where = formatAddress({ family: at.host.includes(":") ? "ipv6" : "ipv4", ...at });
    throw new OSError(error.errno, error.syscall, `serve metrics on ${where}`);
  }
  const name = formatAddress(sockets[0]!.localAddress);
  const thread = spawn("metrics", {
    ...data,
    listenerFds: sockets.map((socket) => socket.detach()),
    control: control.buffer as SharedArrayBuffer,
  });
  let wakeFd = -1;
  const ended = new Promise<void>((resolve) => {
    let why = "";
    thread.on("error", (error) => why = error.message);
    thread.on("exit", (code) => {
      if (Atomics.load(control, 0) === 0) log.error(`Metrics ended: ${why || `with code ${code}`}`);
      if (wakeFd >= 0) closeFd(wakeFd);
      resolve();
    });
  });
  const ready = new Promise<void>((resolve) => {
    thread.on("message", (message: MetricsWorkerMessage) => {
      ({ wakeFd } = message);
      resolve();
    });
  });
  await Promise.race([ready, ended]);
  return {
    name,
    close() {
      Atomics.store(control, 0, 1);
      if (wakeFd >= 0) wakeDescriptor(wakeFd);
      return ended;
    },
  };
}
