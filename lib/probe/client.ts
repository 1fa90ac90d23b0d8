/** One connection of a profile, well-behaved or not: what it has sent and received. */
import type { Connection, Engine, Handler } from "../engine/mod.ts";
import { BACKLOG_MS } from "../net/connect.ts";
import type { OSError } from "../net/mod.ts";
import { lateOpening } from "../tls/mod.ts";
import type { Dial } from "../stress/generator/dial.ts";
import type { Mismatch } from "../result/result.ts";
import type { Replies, Traffic } from "../stress/traffic/traffic.ts";

export class Client {
  readonly number: number;
  readonly startedAt: number = performance.now();
  opened = false;
  over = false;
  ended = false;
  /** Why the connection is gone; null when it was closed in order, or by us. */
  error: OSError | null = null;
  /** Messages of which at least a part is sent. */
  sent = 0;
  answered = 0;
  bytesReceived = 0;
  /** Bytes that came before anything was sent. */
  unasked = 0;
  paused = false;
  /** Called when replies are complete or wrong, at the end, and when the kernel has taken something. */
  onChange: (() => void) | undefined;
  readonly replies: Replies;
  readonly #traffic: Traffic;
  #connection!: Connection<Client>;
  #given = 0;
  /** The last message is sent to its end. */
  #whole = true;
  #taken = 0;
  #givenUp = false;

  constructor(number: number, traffic: Traffic) {
    this.number = number;
    this.#traffic = traffic;
    this.replies = traffic.replies(number, 0);
  }

  /** Set as soon as the engine has made it. */
  set connection(connection: Connection<Client>) {
    this.#connection = connection;
  }

  /** Whether a connect may be tried again. */
  get isWanted(): boolean {
    return !this.opened && !this.#givenUp;
  }

  /** Why it is not open after `timeoutMs`; `name` is that of the target. */
  late(name: string, timeoutMs: number): OSError {
    return this.error ?? lateOpening(this.#connection, name, timeoutMs);
  }

  /** Bytes that this system's kernel has not taken. */
  get queued(): number {
    return this.over ? 0 : this.#connection.queued;
  }

  /** Bytes that it has taken. */
  get bytesSent(): number {
    this.note();
    return this.#taken;
  }

  /** Keeps how many these are: of a connection that is gone nobody knows. */
  note(): void {
    if (!this.over) this.#taken = Math.max(0, this.#given - this.#connection.queued);
  }

  send(count: number): void {
    const bytes = this.#traffic.messages(this.number, this.sent, count);
    this.sent += count;
    this.#give(bytes);
  }

  /** The next message, to be sent in parts. */
  nextMessage(): Uint8Array {
    return this.#traffic.messages(this.number, this.sent, 1).slice();
  }

  /** Sends a part of it; the first part makes it count as sent, as a target may answer byte by byte. */
  sendPart(message: Uint8Array, from: number, to: number): void {
    if (from >= to || this.over) return;
    if (from === 0) this.sent++;
    this.#whole = to === message.length;
    this.#give(message.subarray(from, to));
  }

  #give(bytes: Uint8Array): void {
    if (this.over) return;
    this.#given += bytes.length;
    this.#connection.send(bytes);
    this.note();
  }

  end(): void {
    this.#connection.end();
  }
  reset(): void {
    this.#givenUp = true;
    this.note();
    this.#connection.reset();
  }
  close(): void {
    this.#givenUp = true;
    this.note();
    this.#connection.close();
  }
  read(): void {
    this.paused = false;
    this.#connection.resume();
  }

  /** The first wrong bytes; null for none so far. */
  get mismatch(): Mismatch | null {
    return this.replies.broken ? this.replies.mismatch(this.sent) : null;
  }

  /** The target has ended its stream in the middle of the reply to a whole message. */
  get truncation(): Mismatch | null {
    const cut = this.#whole && this.ended && !this.replies.broken && this.replies.partial;
    return cut ? this.replies.truncation(this.sent) : null;
  }

  get wrong(): Mismatch | null {
    return this.mismatch ?? this.truncation;
  }

  /** Gone without FIN: by RST, or by what TLS calls an error. */
  get broken(): boolean {
    return this.error !== null && !this.ended;
  }
}

export const sumOf = (clients: readonly Client[], of: (client: Client) => number): number =>
  clients.reduce((total, client) => total + of(client), 0);

/** The first wrong bytes, or the first truncation, that one of them has seen. */
export const firstWrong = (clients: readonly Client[]): Mismatch | null =>
  clients.map(({ wrong }) => wrong).find((mismatch) => mismatch !== null) ?? null;

/** What the machine of the clients has run out of: no fault of the target. */
const OWN = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOSPC", "EADDRNOTAVAIL"]);

export class Clients implements Handler<Client> {
  readonly #engine: Engine;
  readonly #traffic: Traffic;
  readonly #dial: Dial;
  readonly #listens: boolean;
  #next = 0;
  /** The first failure for which this machine is to blame. */
  ownFailure: OSError | undefined;

  /** With `listens` false what arrives is counted and not looked at. */
  constructor(engine: Engine, traffic: Traffic, dial: Dial, listens: boolean) {
    this.#engine = engine;
    this.#traffic = traffic;
    this.#dial = dial;
    this.#listens = listens;
  }

  /** Starts to connect; `paused` ones do not read. */
  connect(paused = false): Client {
    const client = new Client(this.#next++, this.#traffic);
    client.paused = paused;
    this.#begin(client);
    return client;
  }

  #begin(client: Client): void {
    client.connection = this.#dial(this, client);
  }

  open(connection: Connection<Client>): void {
    const client = connection.state;
    client.connection = connection;
    client.opened = true;
    if (client.paused) connection.pause();
  }

  data({ state: client }: Connection<Client>, bytes: Uint8Array): void {
    client.bytesReceived += bytes.length;
    if (client.sent === 0) client.unasked += bytes.length;
    if (!this.#listens) return;
    const complete = client.replies.take(bytes, client.sent);
    client.answered += complete;
    if (complete > 0 || client.replies.broken) client.onChange?.();
  }

  writable({ state: client }: Connection<Client>): void {
    client.note();
    client.onChange?.();
  }

  end({ state: client }: Connection<Client>): void {
    client.ended = true;
    client.onChange?.();
  }

  close({ state: client }: Connection<Client>, error: OSError | null): void {
    if (error?.code === "EAGAIN" && client.isWanted) { // as long as the profile waits for it
      this.#engine.after(BACKLOG_MS, () => client.isWanted && this.#begin(client));
      return;
    }
    client.over = true;
    client.error = error;
    if (error && OWN.has(error.code)) this.ownFailure ??= error;
    client.onChange?.();
  }
}
