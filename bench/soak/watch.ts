// What a soak sees of the server from outside: memory, descriptors, and its own counters.
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Program } from "../support/process.ts";
import { median } from "../support/report.ts";

/** One look at the server. */
export interface Sample {
  /** Since the load began, in seconds. */
  at: number;
  rss: number;
  fds: number;
  stats: ServerStats;
}

/** Of the statistics of the contract, what is looked at here. */
export type ServerStats =
  & Record<
    | "accepted"
    | "active"
    | "closed"
    | "rejected"
    | "denied"
    | "bytes_in"
    | "bytes_out"
    | "max_buffered",
    number
  >
  & { errors: Record<string, number> };

/**
 * Memory that may come and go without meaning anything: a part of it, and a fixed amount. A heap that is
 * collected breathes: over three minutes the faults scenario goes between 113 and 135 MB, and no further.
 */
export const TOLERANCE = { share: 0.1, bytes: 12e6 };

/** A server process under observation. */
export class Watch {
  readonly samples: Sample[] = [];
  readonly #server: Program;
  #printed = 0;

  constructor(server: Program) {
    this.#server = server;
  }

  get fds(): number {
    return readdirSync(`/proc/${this.#server.pid}/fd`).length;
  }

  get rss(): number {
    const status = readFileSync(`/proc/${this.#server.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Asks the server for its statistics with SIGUSR1. */
  async stats(): Promise<ServerStats> {
    process.kill(this.#server.pid, "SIGUSR1");
    this.#printed++;
    const pattern = new RegExp(`(?:^\\{.*\\}\\n[^]*?){${this.#printed}}`, "m");
    const [text] = await this.#server.match(pattern, 10);
    return JSON.parse(text.trimEnd().split("\n").findLast((line) => line.startsWith("{"))!);
  }

  async sample(at: number): Promise<void> {
    const { rss, fds } = this;
    this.samples.push({ at, rss, fds, stats: await this.stats() });
  }

  /** Memory of the first and the last third of what comes after `from` seconds: medians. */
  memory(from: number): { first: number; last: number; flat: boolean } {
    const after = this.samples.filter(({ at }) => at >= from).map(({ rss }) => rss);
    const third = Math.max(1, Math.floor(after.length / 3));
    const [first, last] = [median(after.slice(0, third)), median(after.slice(-third))];
    return { first, last, flat: last <= first * (1 + TOLERANCE.share) + TOLERANCE.bytes };
  }
}
