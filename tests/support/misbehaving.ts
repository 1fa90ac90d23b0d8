// A target that does what a test wants with each message, and a stress run against it.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "bun:test";
import { errorCount } from "../../lib/result/figures.ts";
import type { StressResult } from "../../lib/result/result.ts";
import { spawnCli } from "./cli.ts";

/** Bytes of a message in the runs of this file. */
export const SIZE = 64;

/** One connection of the target. Connections are numbered in the order in which they are accepted. */
export interface Victim {
  readonly number: number;
  readonly socket: Socket;
}

/** What the target does with a message: the whole reply, or null for none. */
export type Reply = (message: Buffer, sequence: number, victim: Victim) => Uint8Array | null;

/** A server in this process. `await using` closes it with all its connections. */
export class Target implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(connected: (victim: Victim) => void, closes: boolean) {
    let number = 0;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}); // the other side may reset
      if (closes) socket.on("end", () => socket.end());
      connected({ number: number++, socket });
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get name(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A target that treats whole connections; unless it `closes`, it keeps them open when the client has ended. */
export const target = (
  connected: (victim: Victim) => void,
  closes: boolean = true,
): Promise<Target> => new Target(connected, closes).listen();

/** A target that answers message by message, however they arrive. */
export const answering = (reply: Reply, size: number = SIZE): Promise<Target> =>
  target((victim) => {
    let pending: Buffer = Buffer.alloc(0);
    let sequence = 0;
    victim.socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= size) {
        const answer = reply(pending.subarray(0, size), sequence++, victim);
        if (answer !== null && victim.socket.writable) victim.socket.write(answer);
        pending = pending.subarray(size);
      }
    });
  });

/** An echo that answers nothing for `ms` milliseconds from its 300th message on, and then all at once. */
export function pausing(ms: number, size: number = SIZE): Promise<Target> {
  let messages = 0;
  let over = Infinity;
  const held: (() => void)[] = [];
  return answering((message, _, { socket }) => {
    if (++messages === 300) {
      over = performance.now() + ms;
      setTimeout(() => {
        for (const send of held.splice(0)) send();
      }, ms);
    }
    if (messages < 300 || (held.length === 0 && performance.now() > over)) return message;
    const reply = Buffer.from(message);
    held.push(() => socket.writable && socket.write(reply));
    return null;
  }, size);
}

/** The end of a run, and what it printed. */
export interface Outcome {
  code: number | null;
  result: StressResult;
  stderr: string;
  ms: number;
}

/** Runs `iomux stress ARGS --json` and checks what is true of every run, however it ended. */
export async function stress(args: string[], withinMs = 50_000): Promise<Outcome> {
  const start = performance.now();
  await using cli = spawnCli(["stress", ...args, "--json"]);
  const guard = setTimeout(() => cli.kill("SIGKILL"), withinMs);
  const { code, signal } = await cli.exit;
  clearTimeout(guard);
  const ms = performance.now() - start;
  const stderr = cli.stderr();
  if (signal !== null) throw new Error(`ended by ${signal} after ${ms} ms\n${stderr}`);
  if (cli.stdout() === "") throw new Error(`exit ${code} without a result\n${stderr}`);
  const result: StressResult = JSON.parse(cli.stdout());
  const { messages, connections } = result;
  if (connections.established > 0) expect(stderr).toBe("");
  // What is reset before it was seen to be connected could not receive.
  else expect(stderr).toMatch(/^iomux: Cannot (connect|bind|resolve|receive) .*\n$/);
  const good = code === 0 || result.interrupted;
  const codes = Object.values(result.errors).reduce((sum, n) => sum + n, 0);
  expect([codes, result.errors]).toEqual([errorCount(result), result.errors]);
  const { bottleneck } = result.generator; // a loaded machine, of which these runs are no tests
  expect(result.verdict).toBe(good ? bottleneck ? "invalid" : "pass" : "fail");
  expect(messages.received).toBe(messages.verified);
  expect(result.latency_us.count).toBe(messages.verified);
  const { requested, established, failed, reconnected } = connections;
  expect(established - reconnected + failed <= requested || failed > 0).toBe(true);
  return { code, result, stderr, ms };
}

/**
 * How many seconds of a schedule a run had: those that were planned, or fewer where counting began late on a
 * busy machine. Where the stop came late nothing more was due.
 */
export const counted = ({ duration_s }: StressResult, planned: number): number =>
  Math.min(duration_s, planned);

/** Every message that was sent is somewhere in the result. */
export function allAccountedFor({ messages }: StressResult): boolean {
  const { sent, verified, mismatched, timed_out, lost, in_flight } = messages;
  return sent === verified + mismatched + timed_out + lost + in_flight;
}
