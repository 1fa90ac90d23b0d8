/** Running the generator's code before it counts. */
import {
  type Connection,
  Counters,
  createEngine,
  type Engine,
  type Handler,
} from "../engine/mod.ts";
import { type OSError, Socket } from "../net/mod.ts";
import { closeFd } from "../sys/posix.ts";
import { type Loop, runThrough } from "../tls/mod.ts";
import { LOAD_COMMAND, type LoadData, type LoadMessage, type Plan } from "./plan.ts";
import { RECORDERS_BYTES } from "./tally.ts";

/** How long at most; enough for the compilers of the three runtimes to come to all of the hot code. */
const WARM_UP_MS = 200;
const CONNECTIONS = 4;
/** A run of fewer messages than this ends sooner than a warm-up, and measures nothing. */
const WORTH_IT = 10_000;
const MAX_SIZE = 64 * 1024;

/** Answers as the target will. */
class Answering implements Handler<null> {
  readonly #echo: boolean;
  constructor(echo: boolean) {
    this.#echo = echo;
  }
  open(): void {}
  data(connection: Connection<null>, bytes: Uint8Array): void {
    if (this.#echo) connection.send(bytes);
  }
  writable(): void {}
  end(connection: Connection<null>): void {
    connection.end();
  }
  close(_connection: Connection<null>, _error: OSError | null): void {}
}

/**
 * Runs a short load against an echo in this very thread. Fresh JavaScript is interpreted and compiled
 * while it runs: in the first tenths of a second that would be measured as the target's latency, and
 * not a byte may be sent to the target before the run begins.
 */
export function warmUp(
  plan: Plan,
  run: (data: LoadData, engine: Engine, post: (message: LoadMessage) => void) => Loop<unknown>,
): void {
  if ((plan.messages !== null && plan.messages < WORTH_IT) || plan.size > MAX_SIZE) return;
  let listener: Socket;
  try {
    listener = Socket.listen({ host: "127.0.0.1", port: 0 });
  } catch {
    return; // a sandbox without a loopback: the first messages will be slower
  }
  const address = listener.localAddress as { host: string; port: number };
  const counters = new Counters();
  const engine = createEngine({ selector: plan.clientSelector, counters });
  engine.listen(listener, {
    handler: new Answering(plan.expect.kind !== "none"),
    state: () => null,
  });
  const control = new SharedArrayBuffer(4);
  new Int32Array(control)[0] = LOAD_COMMAND.go;
  const kind = plan.expect.kind === "none" ? "none" : "echo";
  const { tls: _, ...plain } = plan;
  const loop = run(
    {
      plan: {
        ...plain,
        ...{ target: address, expect: { kind }, connections: CONNECTIONS, message: null },
        ...{ messages: null, durationMs: WARM_UP_MS, timeoutMs: 1000, warmupMs: 0, rampMs: 0 },
        ...{ rate: null, stages: [], hold: false, messagesPerConnection: null, sources: [] },
        ...{ connectRate: null, reconnect: false },
      },
      ...{ first: 0, count: CONNECTIONS, worker: 0, workers: 1 },
      control,
      counters: counters.memory as SharedArrayBuffer,
      recorders: new SharedArrayBuffer(RECORDERS_BYTES),
    },
    engine,
    (message) => {
      if (message.type === "connected") closeFd(message.wakeFd);
    },
  );
  runThrough(loop);
}
