/** A server of datagrams: each gets its answer, back to where it came from. */
import { COUNTER, Counters } from "../engine/mod.ts";
import { type DatagramSocket, formatAddress, type OSError, WOULD_BLOCK } from "../net/mod.ts";
import { createSelector, EVENT_READ, type Selector, type SelectorName } from "../selectors/mod.ts";
import { ERRNO } from "../sys/errno.ts";
import { droppedDatagrams } from "../sys/socket/datagrams.ts";
import { SERVICES } from "./services.ts";
import { ServerStats, type Stats } from "./stats.ts";

/** Larger than any UDP datagram. */
const BUFFER = 65_536;
/** Datagrams of one socket before the next one's turn. */
const BATCH = 64;
/**
 * An answer to one of the system's own services may be answered by it in turn, for ever (CVE-1999-0103);
 * clients have ports above these.
 */
const RESERVED_PORTS = 1024;

export interface DatagramOptions {
  /** The server's from now on. */
  readonly sockets: readonly DatagramSocket[];
  readonly service: string;
  readonly selector: SelectorName | "auto";
}

/** Sockets, and a loop that leaves its thread free between datagrams. */
export class DatagramServer {
  readonly #selector: Selector<DatagramSocket>;
  readonly #sockets: readonly DatagramSocket[];
  readonly #stats = ServerStats.create(1);
  readonly #counters = new Counters(this.#stats.memory.workers[0]);
  readonly #buffer = new Uint8Array(new ArrayBuffer(BUFFER));
  #lost = 0;
  readonly #answer: (bytes: Uint8Array) => Uint8Array | null;

  /** @throws Error when the selector can't be had, or can't watch a socket */
  constructor({ sockets, service, selector }: DatagramOptions) {
    this.#answer = SERVICES[service]!.answer;
    this.#sockets = sockets;
    this.#selector = createSelector(selector);
    this.#stats.selector = this.#selector.name;
    for (const socket of sockets) this.#selector.register(socket, EVENT_READ, socket);
  }

  get names(): string[] {
    return this.#sockets.map((socket) => formatAddress(socket.localAddress));
  }

  /** The statistics of a server that has no connections. */
  stats(): Stats {
    return this.#stats.collect();
  }

  /** Serves until `stop`, and returns how many datagrams this system has thrown away, as they came too fast. */
  async run(stop: AbortSignal): Promise<number> {
    const { slots } = this.#counters;
    try {
      while (!stop.aborted) {
        const ready = await this.#selector.selectAsync(undefined, { signal: stop });
        slots[COUNTER.wakeups]!++;
        slots[COUNTER.events]! += ready.length;
        for (const [{ data: socket }] of ready) this.#serve(socket);
      }
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      this.#close();
    }
    return this.#lost;
  }

  #serve(socket: DatagramSocket): void {
    const { slots } = this.#counters;
    for (let i = 0; i < BATCH; i++) {
      try {
        const datagram = socket.recvFrom(this.#buffer);
        if (datagram === null) return;
        slots[COUNTER.bytesIn]! += datagram.bytes;
        const { from } = datagram;
        const answer = this.#answer(this.#buffer.subarray(0, datagram.bytes));
        if (answer === null || from === undefined || from.family === "unix") continue;
        if (from.port < RESERVED_PORTS) {
          slots[COUNTER.denied]!++;
          continue;
        }
        const sent = socket.sendTo(answer, from);
        // A full buffer drops the answer, as a full queue on its way would.
        if (sent === WOULD_BLOCK) this.#counters.countError(ERRNO.EAGAIN!);
        else slots[COUNTER.bytesOut]! += sent;
      } catch (error) {
        this.#counters.countError((error as OSError).errno); // of one peer: the others are served
      }
    }
  }

  #close(): void {
    this.#selector.close();
    for (const socket of this.#sockets) {
      this.#lost += droppedDatagrams(socket.fileno());
      socket.close();
    }
  }
}
