/** Running the generator's code before it counts. */
import { Counters, createEngine, type Engine, type EngineChoice } from "../../engine/mod.ts";
import { Socket } from "../../net/mod.ts";
import { closeFd } from "../../sys/posix.ts";
import { LOAD_COMMAND, type LoadData, type LoadMessage, type Plan } from "../plan/plan.ts";
import { rateProfile } from "../../result/segments.ts";
import { INTERVALS_BYTES } from "./intervals.ts";
import { RECORDERS_BYTES } from "./tally.ts";

/**
 * How often, and how long each time at most. It is enough for the compilers of the three runtimes to come to
 * all of the hot code. The first time they take what there is once, such as the engine, for a constant,
 * and throw that code away when there is another one.
 */
const ROUNDS = 5;
const ROUND_MS = 60;
/** Messages a second in the rounds of an open loop: more than can be sent, and fewer. */
const RATES = [100_000, 20_000];
/** Messages a second from which on a schedule has whole rounds: a slower one has shorter ones, down to the least. */
const BUSY = 20_000;
const LEAST_MS = 15;
/** A short run has a shorter one: in all this share of its time. */
const SHARE = 0.6;
/** Where no time is given, as with `-n`. */
const UNTIMED_MS = 350;
const CONNECTIONS = 2;
/** A run of fewer messages than this ends sooner than a warm-up, and measures nothing. */
const WORTH_IT = 10_000;
const MAX_SIZE = 64 * 1024;
const NOTHING = new Uint8Array(0);

interface Answered {
  readonly socket: Socket;
  unsent: Uint8Array;
}

/**
 * Answers as the target will, between the turns of the load's engine. It has none itself: what two kinds of
 * handlers go through is compiled to something slower than what only one does.
 */
class Answers {
  readonly #listener: Socket;
  readonly #echo: boolean;
  readonly #peers = new Set<Answered>();
  readonly #buffer = new Uint8Array(MAX_SIZE);

  constructor(listener: Socket, echo: boolean) {
    this.#listener = listener;
    this.#echo = echo;
  }

  /** Takes what has arrived, and sends it back. */
  give(): void {
    try {
      if (this.#peers.size < CONNECTIONS) this.#accept();
      for (const peer of this.#peers) this.#answer(peer);
    } catch {
      // A full descriptor table, say: the warm-up ends by its own limits.
    }
  }

  #accept(): void {
    const socket = this.#listener.accept();
    if (socket) this.#peers.add({ socket, unsent: NOTHING });
  }

  #answer(peer: Answered): void {
    if (peer.unsent.length === 0) {
      const received = peer.socket.recv(this.#buffer);
      if (received === 0) {
        this.#peers.delete(peer);
        peer.socket.close();
      }
      if (received <= 0 || !this.#echo) return;
      peer.unsent = this.#buffer.subarray(0, received);
    }
    const sent = Math.max(0, peer.socket.send(peer.unsent));
    // The buffer is the others', too.
    peer.unsent = sent === peer.unsent.length ? NOTHING : peer.unsent.slice(sent);
  }

  close(): void {
    this.#listener.close();
    for (const { socket } of this.#peers) socket.close();
  }
}

/** Makes and runs the load of a thread; `between` is called after each turn of the engine. */
type RunLoad = (
  data: LoadData,
  engine: Engine,
  post: (message: LoadMessage) => void,
  between: () => void,
) => void;

/**
 * Runs a short load against an echo in this very thread. Fresh JavaScript is interpreted and compiled
 * while it runs: in the first tenths of a second that would be measured as the target's latency, and
 * not a byte may be sent to the target before the run begins.
 */
export function warmUp(plan: Plan, run: RunLoad): void {
  if ((plan.messages !== null && plan.messages < WORTH_IT) || plan.size > MAX_SIZE) return;
  const profile = rateProfile(plan);
  const open = profile.length > 0;
  const fastest = Math.max(0, ...profile.map(({ from, to }) => Math.max(from, to)));
  const whole = open ? Math.max(LEAST_MS, Math.min(1, fastest / BUSY) * ROUND_MS) : ROUND_MS;
  const ms = Math.min(whole, (plan.durationMs ?? UNTIMED_MS) * SHARE / ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    warmUpFor(ms, { ...plan, rate: open ? RATES[round % RATES.length]! : null }, run);
  }
}

/** What a generator thread waits on: the warm-up must go through the same code as the run. */
export const engineOf = (plan: Plan, counters: Counters): EngineChoice => ({
  engine: plan.clientEngine,
  selector: plan.clientSelector,
  counters,
  edge: true,
});

function warmUpFor(ms: number, plan: Plan, run: RunLoad): void {
  let listener: Socket;
  try {
    listener = Socket.listen({ host: "127.0.0.1", port: 0 });
  } catch {
    return; // a sandbox without a loopback: the first messages will be slower
  }
  const address = listener.localAddress as { host: string; port: number };
  const counters = new Counters();
  const engine = createEngine(engineOf(plan, counters));
  const answers = new Answers(listener, plan.expect.kind !== "none");
  const control = new SharedArrayBuffer(4);
  new Int32Array(control)[0] = LOAD_COMMAND.go;
  const kind = plan.expect.kind === "none" ? "none" : "echo";
  const { tls: _, ...plain } = plan;
  run(
    {
      plan: {
        ...plain,
        ...{
          target: address,
          expect: { kind },
          connections: CONNECTIONS,
          message: null,
          script: null,
        },
        ...{ messages: null, durationMs: ms, timeoutMs: 1000, warmupMs: 0, rampMs: 0 },
        ...{ stages: [], hold: false, messagesPerConnection: null, sources: [], thinkMs: 0 },
        // A long tick would leave nothing to do in a round.
        ...{ connectRate: null, reconnect: false, tickMs: Math.min(plan.tickMs, 1) },
      },
      ...{ first: 0, count: CONNECTIONS, worker: 0, workers: 1 },
      control,
      counters: counters.memory as SharedArrayBuffer,
      recorders: new SharedArrayBuffer(RECORDERS_BYTES),
      intervals: new SharedArrayBuffer(INTERVALS_BYTES),
    },
    engine,
    (message) => {
      if (message.type === "connected") closeFd(message.wakeFd);
    },
    () => answers.give(),
  );
  answers.close();
}
