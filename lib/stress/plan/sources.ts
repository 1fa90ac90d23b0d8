/** Local addresses that the connections of a thread are spread over. */
import { readNumbers } from "../../sys/machine/proc.ts";
import type { Plan } from "./plan.ts";

/** Ports that a connect can get, where the system does not say: the range of RFC 6335. */
const DYNAMIC_PORTS = 16_384;
/**
 * Which part of them an address uses before the next one is taken. Linux gives connects every other port
 * first; when those are in use it looks at all of them, each time, before it takes one of the others:
 * 0.8 ms that would be taken for the target's.
 */
const SHARE = 0.45;
/** The second and the last of the addresses of the loopback network, 127.0.0.0/8, that are used. */
const FIRST_SPARE = 2;
const LAST_SPARE = 250;

export class Sources {
  readonly #given: readonly string[];
  readonly #loopback: boolean;
  readonly #perAddress: number;
  #connects = 0;
  /** 0 for the system's own choice. */
  #spare = 0;

  /**
   * With addresses of the plan it takes them in turn. Without, and with a target in 127.0.0.0/8, it takes
   * one of that network after the other, each when the ports of the one before are mostly used: closed
   * connections keep theirs for a minute (TIME_WAIT, tcp(7)). `sharers` threads do so at the same time.
   */
  constructor(plan: Pick<Plan, "sources" | "target">, sharers = 1) {
    this.#given = plan.sources;
    this.#loopback = plan.sources.length === 0 && "host" in plan.target &&
      plan.target.host.startsWith("127.");
    const [low, high] = readNumbers("/proc/sys/net/ipv4/ip_local_port_range");
    const ports = high ? high - low! + 1 : DYNAMIC_PORTS;
    this.#perAddress = Math.max(1, Math.floor(SHARE * ports / sharers));
  }

  /** The address for the next connect; undefined for the system's choice. */
  next(): { host: string } | undefined {
    const index = this.#connects++;
    if (this.#given.length > 0) return { host: this.#given[index % this.#given.length]! };
    if (!this.#loopback) return undefined;
    if (index > 0 && index % this.#perAddress === 0) this.#advance();
    return this.#spare === 0 ? undefined : { host: `127.0.0.${this.#spare}` };
  }

  /** All ports of the latest address are in use. True when there is another address to try. */
  exhausted(): boolean {
    if (!this.#loopback) return false;
    this.#advance();
    return true;
  }

  #advance(): void {
    this.#spare = this.#spare === 0 || this.#spare === LAST_SPARE ? FIRST_SPARE : this.#spare + 1;
  }
}
