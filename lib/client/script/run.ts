/** Following a script: what to send, and what has to come. */
import { WOULD_BLOCK } from "../../net/mod.ts";
import { EVENT_READ, EVENT_WRITE } from "../../selectors/selector.ts";
import { quote } from "../../text/bytes.ts";
import { briefDuration, plural } from "../../text/words.ts";
import type { Loop } from "../loop.ts";
import { Delivery, type Peer } from "../peer.ts";
import type { Observer } from "../session.ts";
import type { Expected, Step } from "./parse.ts";
import { Received, SHOWN } from "./received.ts";

/** A step failed: which line, what came, and what was expected. */
export class StepError extends Error {
  override readonly name = "StepError";
  /** "timeout": it did not come in time; "gone": the peer ended or reset before. */
  readonly reason: "timeout" | "gone";

  constructor(step: Step, reason: "timeout" | "gone", message: string) {
    super(`line ${step.line}: ${message}`);
    this.reason = reason;
  }
}

const CHUNK = 64 * 1024;
/** How many chunks are received before signals, and the time of a step, get their turn. */
const BUDGET = 16;
/** What may wait for a step to look at it, or to be printed: what is more stays with the peer. */
const MOST_WAITING = 1 << 20;
/** The same while a `send` waits for the peer: far more than any answer that it has to get rid of first. */
const MOST_MEANWHILE = 64 << 20;

/** Who sees what goes over the connection, and prints what comes. */
export interface ScriptObserver extends Observer {
  readonly waiting: number;
}

export class ScriptRun {
  readonly #peer: Peer;
  readonly #delivery: Delivery;
  readonly #loop: Loop;
  readonly #stop: AbortSignal;
  readonly #observer: ScriptObserver;
  readonly #buffer = new Uint8Array(new ArrayBuffer(CHUNK));
  readonly #received = new Received();
  /** What is received waits for a later step, however much it is: a peer may take more once it was heard. */
  #isSending = false;
  #ended = false;
  #error: Error | undefined;

  constructor(peer: Peer, loop: Loop, stop: AbortSignal, observer: ScriptObserver) {
    this.#peer = peer;
    this.#delivery = new Delivery(peer);
    this.#loop = loop;
    this.#stop = stop;
    this.#observer = observer;
  }

  /** Follows the steps, one after the other. @throws StepError; the signal's reason */
  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.kind === "send") await this.#send(step, step.bytes);
      else if (step.kind === "expect") await this.#expect(step, step.expected, step.withinMs);
      else if (step.kind === "sleep") await this.#until(performance.now() + step.ms, () => false);
      else this.#close(step);
    }
    const last = steps.findLast(({ kind }) => kind === "send");
    if (last) await this.#settle(last);
  }

  /** Waits until the peer's kernel has taken all. @throws StepError of the last step that has sent */
  async #settle(step: Step): Promise<void> {
    this.#loop.forget(this.#peer.socket.fileno());
    try {
      this.#delivery.end(); // has the rest acknowledged at once
    } catch {
      // The peer has gone; what it has not taken is counted below.
    }
    const error = await this.#delivery.settle(this.#loop, this.#stop, () => {
      this.#receive();
      this.#received.pass();
      return this.#error;
    });
    if (error) this.#receive(); // which says best how the peer has gone
    if (error || this.#delivery.notTaken > 0) throw this.#gone(step, error);
  }

  async #send(step: Step, bytes: Uint8Array): Promise<void> {
    let at = 0;
    this.#isSending = true;
    await this.#until(Infinity, () => {
      try {
        while (at < bytes.length) {
          const count = this.#peer.socket.send(bytes, at, bytes.length - at);
          if (count === WOULD_BLOCK) {
            if (this.#received.waiting < MOST_MEANWHILE) return false;
            throw new Error("64 MiB came from a peer that takes nothing");
          }
          at += count;
          this.#delivery.sent(count);
        }
        return true;
      } catch (error) {
        throw this.#gone(step, error as Error, bytes.length - at);
      }
    }, EVENT_WRITE);
    this.#isSending = false;
    this.#observer.see("sent", bytes);
  }

  #close(step: Step): void {
    try {
      this.#delivery.end();
    } catch (error) {
      throw this.#gone(step, error as Error);
    }
  }

  /** What fails at a peer that has reset fails because of that. */
  #gone(step: Step, error: Error | undefined, unsent = 0, what: readonly string[] = []): StepError {
    const why = this.#error ?? error;
    const left = notTaken(this.#delivery.notTaken + unsent);
    return new StepError(
      step,
      "gone",
      [...(why ? [why.message] : []), ...left, ...what].join("; "),
    );
  }

  async #expect(step: Step, expected: Expected, withinMs: number): Promise<void> {
    const came = await this.#until(performance.now() + withinMs, () => {
      if (this.#take(expected)) return true;
      if (this.#received.isBehind || !this.#ended && !this.#error) return false;
      if (this.#error) throw this.#gone(step, this.#error, 0, [this.#difference(step)]);
      throw new StepError(step, "gone", `the peer has ended; ${this.#difference(step)}`);
    });
    if (came) return;
    const late = `nothing of the kind within ${briefDuration(withinMs)}`;
    throw new StepError(step, "timeout", `${late}; ${this.#difference(step)}`);
  }

  /** Takes what is expected, with all before it; false while it is not there. */
  #take(expected: Expected): boolean {
    if (expected !== "end") return this.#received.take(expected);
    this.#received.pass();
    return this.#ended;
  }

  #difference(step: Step): string {
    return difference(step, this.#received.last);
  }

  /** So much waits to be printed, or for a step, that the peer has to wait. */
  get #isFull(): boolean {
    if (this.#observer.waiting >= MOST_WAITING) return true;
    return !this.#isSending && this.#received.waiting >= MOST_WAITING;
  }

  /** Receives until `done`, or until the time has passed: then false. */
  async #until(deadline: number, done: () => boolean, events = 0): Promise<boolean> {
    const { socket } = this.#peer;
    for (;;) {
      this.#receive();
      if (this.#observer.waits) {
        this.#loop.forget(socket.fileno());
        await this.#observer.settle(this.#stop);
      }
      if (done()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const reading = this.#ended || this.#error || this.#isFull ? 0 : EVENT_READ;
      const writing = socket.hasOutgoing ? EVENT_WRITE : 0;
      this.#loop.watch(socket.fileno(), reading | writing | events, () => socket.flush?.());
      const hasMore = reading !== 0 && socket.hasIncoming || this.#received.isBehind;
      await this.#loop.turn(hasMore ? 0 : left === Infinity ? undefined : left);
      this.#stop.throwIfAborted();
    }
  }

  #receive(): void {
    for (let chunks = 0; chunks < BUDGET && !this.#ended && !this.#error; chunks++) {
      if (this.#isFull) return;
      let count: number;
      try {
        count = this.#peer.socket.recv(this.#buffer);
      } catch (error) {
        this.#error = error as Error;
        return;
      }
      if (count === WOULD_BLOCK) return;
      if (count === 0) this.#ended = true;
      const bytes = this.#buffer.subarray(0, count);
      if (count > 0) this.#observer.see("received", bytes);
      this.#received.add(bytes);
    }
  }
}

function difference(step: Step, came: string): string {
  const cut = came.length > SHOWN ? "…" : "";
  const shown = came === "" ? "nothing" : cut + quote(came.slice(-SHOWN));
  const expected = step.text.replace(/^expect\s+/, "");
  const most = expected.length > SHOWN ? `${expected.slice(0, SHOWN)}…` : expected;
  return `expected ${most}, came ${shown}`;
}

/** How much `of` what was to be sent the peer has not taken, in words. */
export function notTaken(bytes: number, of = "", taken = "not taken"): string[] {
  if (bytes === 0) return [];
  return [`${plural(bytes, "byte")}${of} ${bytes === 1 ? "was" : "were"} ${taken} by the peer`];
}

/** The error of a script whose peer has gone before its first step. */
export function goneBefore([step]: readonly Step[], { message }: Error): StepError | undefined {
  if (step === undefined) return undefined;
  const what = step.kind === "expect"
    ? [difference(step, "")]
    : step.kind === "send"
    ? notTaken(step.bytes.length)
    : [];
  return new StepError(step, "gone", [message, ...what].join("; "));
}
