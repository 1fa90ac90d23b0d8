/** Well-behaved clients beside the misbehaving ones: they must be served as if nothing happened. */
import type { Timer } from "../engine/mod.ts";
import { Recorder } from "../result/recorder.ts";
import type { Mismatch } from "../result/result.ts";
import { briefDuration } from "../text/words.ts";
import { type Client, firstWrong, sumOf } from "./client.ts";
import { type ProfileRow, WITNESSES } from "./plan.ts";
import type { Scene } from "./scene.ts";

/** Between a reply and the next message: enough of them to notice, too few to be a load. */
const PACE_MS = 5;

export class Witnesses {
  readonly #latency = new Recorder();
  readonly #scene: Scene;
  readonly #all: Witness[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Connects them, and lets each exchange one message. True when all are served. */
  start(): boolean {
    for (let i = 0; i < WITNESSES; i++) {
      this.#all.push(new Witness(this.#scene, this.#latency));
    }
    this.#scene.until(() => this.#all.every(({ client }) => client.opened || client.over));
    for (const witness of this.#all) witness.start();
    return this.more(1);
  }

  /** Waits until each has exchanged so many more messages; false as soon as one is not served. */
  more(rounds: number): boolean {
    const goals = this.#all.map((witness) => witness.rounds + rounds);
    const done = () => this.#all.every((witness, i) => witness.rounds >= goals[i]!);
    // Each message has the timeout as its limit, so that this ends by itself; the rest is a safeguard.
    this.#scene.until(() => this.failed || done(), (rounds + 1) * this.#scene.timeoutMs);
    return !this.failed && done();
  }

  /** Messages that all of them have exchanged since the profile started: the one with the fewest. */
  get rounds(): number {
    return Math.min(...this.#all.map(({ rounds }) => rounds));
  }

  get #clients(): Client[] {
    return this.#all.map(({ client }) => client);
  }

  get failed(): boolean {
    return this.#all.some(({ reason }) => reason !== null);
  }

  reasons(): string[] {
    const reasons = this.#all.flatMap(({ reason }) => reason === null ? [] : [reason]);
    return [...new Set(reasons)];
  }

  get mismatch(): Mismatch | null {
    return firstWrong(this.#clients);
  }

  report(): ProfileRow["witnesses"] {
    return {
      connections: this.#all.length,
      answered: sumOf(this.#clients, ({ answered }) => answered),
      latency_us: this.#latency.summary(),
    };
  }

  /** They have seen enough: they wait for their last replies, and end in order. */
  dismiss(): void {
    for (const witness of this.#all) witness.leave();
    this.#scene.until(() => this.#all.every(({ busy, reason }) => !busy || reason !== null));
    this.#scene.release(this.#clients);
  }
}

/** One of them: a message, its reply, a short pause, and so on. */
class Witness {
  readonly client: Client;
  rounds = 0;
  reason: string | null = null;
  readonly #scene: Scene;
  readonly #latency: Recorder;
  #sentAt = 0;
  #limit: Timer | undefined;
  #next: Timer | undefined;
  #leaving = false;

  constructor(scene: Scene, latency: Recorder) {
    this.#scene = scene;
    this.#latency = latency;
    this.client = scene.dial();
    this.client.onChange = () => this.#look();
  }

  /** A reply is awaited; or, where there are none, room to send. */
  get busy(): boolean {
    const { client } = this;
    return !client.over &&
      (this.#scene.listens ? client.answered < client.sent : client.queued > 0);
  }

  start(): void {
    if (this.client.opened) this.#send();
    else {this.#fail(
        `did not take a witness's connection: ${this.client.error?.code ?? "ETIMEDOUT"}`,
      );}
  }

  #send(): void {
    const { client } = this;
    this.#sentAt = performance.now();
    const { engine, timeoutMs, listens } = this.#scene;
    this.#limit = engine.after(timeoutMs, () => {
      this.#fail(
        `did not ${listens ? "answer" : "read"} a witness for ${briefDuration(timeoutMs)}`,
      );
    });
    client.send(1);
    if (!listens) this.#look();
  }

  #look(): void {
    const { client } = this;
    if (this.reason !== null || (this.#leaving && !this.busy)) return;
    if (client.replies.broken) return this.#fail("sent wrong bytes to a witness");
    if (client.over) {
      const how = client.error ? `was lost (${client.error.code})` : "was closed";
      return this.#fail(`served a witness no more: its connection ${how}`);
    }
    if (client.ended) return this.#fail("ended a witness's connection");
    if (this.busy) return;
    this.#limit?.cancel();
    this.#limit = undefined;
    this.rounds++;
    const now = performance.now();
    if (this.#scene.listens) this.#latency.record(now - this.#sentAt);
    this.#next?.cancel();
    if (!this.#leaving) this.#next = this.#scene.engine.after(PACE_MS, () => this.#send());
  }

  #fail(reason: string): void {
    this.reason ??= reason;
    this.#limit?.cancel();
    this.#next?.cancel();
  }

  leave(): void {
    this.#leaving = true;
    this.#next?.cancel();
    if (!this.busy) this.#limit?.cancel();
  }
}
