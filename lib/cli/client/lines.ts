/** What the client says on stderr. Neither signals nor the data's way wait for who reads it. */
import { Hexdump } from "./hexdump.ts";
import type { Loop } from "../../client/loop.ts";
import type { Output } from "../../client/output.ts";
import { Printer } from "../../client/printer.ts";
import type { Observer } from "../../client/session.ts";
import { plural } from "../../text/words.ts";
import { err, lineOf } from "../output.ts";

/** How long stderr may take nothing before it is not waited for any more. */
const PATIENCE_MS = 1000;
/** What may wait for it: more than a dump makes of all that is moved in one turn. */
const CAPACITY = 1 << 24;

/** Lines for people, and the dump of the bytes. They come in their order, or not at all. */
export class Lines {
  readonly #printer: Printer | undefined;
  /** Bytes that were not shown, as stderr has taken nothing for too long. */
  #hidden = 0;
  #isStuck = false;

  /** Without an output each line is written at once, however long that takes. */
  constructor(output: Output | undefined, loop: Loop) {
    this.#printer = output && new Printer(output, loop);
  }

  readonly say = (message: string): void => {
    if (this.#waiting < CAPACITY) this.#print(lineOf(message));
  };

  /** What shows the bytes of one connection. A dump is waited for, while stderr takes something now and then. */
  observer(): Observer {
    const dump = new Hexdump();
    const waits = () => this.#waiting > 0 && !this.#isStuck;
    return {
      see: (direction, bytes) => {
        const lines = dump.lines(direction, bytes, new Date()); // which counts them
        if (this.#isStuck && this.#waiting > 0) {
          this.#hidden += bytes.length;
          return;
        }
        this.#resume();
        this.#print(lines);
      },
      get waits() {
        return waits();
      },
      settle: async (stop) => {
        this.#isStuck = !(await this.#printer!.drain(stop, PATIENCE_MS));
      },
    };
  }

  /** Waits until stderr has taken all, or has taken nothing for too long. @throws the signal's reason */
  async finish(stop: AbortSignal): Promise<void> {
    this.#resume();
    await this.#printer?.drain(stop, PATIENCE_MS);
  }

  get #waiting(): number {
    return this.#printer?.waiting ?? 0;
  }

  #resume(): void {
    const hidden = this.#hidden;
    this.#hidden = 0;
    this.#isStuck = false;
    if (hidden > 0) this.say(`${plural(hidden, "byte")} not shown: standard error took nothing`);
  }

  #print(text: string | Uint8Array): void {
    if (!this.#printer) err(text);
    else this.#printer.print(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }
}
