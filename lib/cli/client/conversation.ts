/** Talking to a connected peer: a session of standard input and output, or a script. */
import { exchangeDatagrams } from "../../client/datagrams.ts";
import { Input } from "../../client/input.ts";
import type { Loop } from "../../client/loop.ts";
import type { Output } from "../../client/output.ts";
import type { Peer } from "../../client/peer.ts";
import { Printer } from "../../client/printer.ts";
import type { SpawnRelay } from "../../client/relay.ts";
import { parseScript, ScriptError, type Step } from "../../client/script/parse.ts";
import { goneBefore, type ScriptObserver, ScriptRun, StepError } from "../../client/script/run.ts";
import {
  type Observer,
  Session,
  type SessionEnd,
  type SessionOptions,
} from "../../client/session.ts";
import type { DatagramSocket } from "../../net/mod.ts";
import { droppedDatagrams } from "../../sys/socket/datagrams.ts";
import { kindOf } from "../../sys/stdio/file.ts";
import { plural } from "../../text/words.ts";
import { EXIT, exitCodeOf, UsageError } from "../exit.ts";
import { readText } from "../input.ts";
import type { ClientRead } from "./command.ts";
import { leftOver, report } from "./ending.ts";
import type { Lines } from "./lines.ts";
import { relayOf, standardOutput } from "./streams.ts";

export interface Turns {
  readonly loop: Loop;
  readonly stop: AbortSignal;
  readonly lines: Lines;
}

export interface Outcome {
  readonly code: number;
  /** There is more to say to a next peer, or to hear from it. */
  readonly goesOn: boolean;
  /** Bytes were sent that the peer has not taken, or thrown away: no next peer gets them. */
  readonly lost: boolean;
}

/** What the conversations of a run have in common: where bytes come from and go to. */
export class Conversation {
  readonly #input: Input;
  readonly #output: Output;
  readonly #options: SessionOptions;
  readonly #script: { readonly path: string; readonly steps: Step[] } | undefined;
  readonly #hex: boolean;
  /** Another peer follows the one that has gone. */
  readonly #hasNext: boolean;

  /** To be made before anything else gets the numbers of standard input and output. @throws UsageError */
  constructor({ options }: ClientRead, spawn: SpawnRelay) {
    const { script: path } = options;
    this.#script = path === undefined ? undefined : { path, steps: readScript(path) };
    const reads = !options.recvOnly && !this.#script;
    this.#input = new Input(0, kindOf(0), options.crlf, reads ? relayOf(spawn, "in") : undefined);
    this.#output = standardOutput(spawn, !options.sendOnly);
    this.#hex = options.hex;
    this.#hasNext = options.reconnect !== undefined || options.keepListening;
    const { quitAfter: quitAfterMs, idleTimeout: idleTimeoutMs } = options;
    this.#options = {
      halfClose: !options.noHalfClose,
      // A peer that has ended is connected to anew rather than listened to.
      graceMs: options.reconnect === undefined ? options.grace : 0,
      sends: !options.recvOnly,
      receives: !options.sendOnly,
      quitAfterMs,
      idleTimeoutMs,
    };
  }

  /** From now on a reader of standard output that goes away makes the loop's turns throw ReaderGone. */
  start({ loop }: Turns): void {
    this.#output.rest(loop);
  }

  /** Talks until it is over. @throws OSError of standard input or output; ReaderGone; the signal's reason */
  async talk(peer: Peer, turns: Turns): Promise<Outcome> {
    const observer = this.#hex ? turns.lines.observer() : undefined;
    if (this.#script) {
      return { code: await this.#follow(peer, turns, observer), goesOn: false, lost: false };
    }
    const { loop, stop, lines } = turns;
    const options = { ...this.#options, observer };
    const end = await new Session(peer, this.#input, this.#output, loop, options).run(stop);
    const exhausted = options.sends && this.#input.ended && this.#input.empty;
    const goesOn = this.#hasNext && !exhausted;
    return {
      code: report(end, options.idleTimeoutMs, goesOn, lines.say),
      goesOn,
      lost: end.lost > 0 || wasUnread(peer, end),
    };
  }

  /**
   * What is said of a peer that has gone before it could be talked to: a script says where it was, and where no
   * next peer follows how much of standard input was not taken.
   */
  named(error: Error): Error {
    if (exitCodeOf(error) !== EXIT.peerGone) return error;
    if (this.#script) {
      const failed = goneBefore(this.#script.steps, error);
      if (failed) error.message = `${this.#script.path}, ${failed.message}`;
    } else if (this.#options.sends && !this.#hasNext) {
      error.message = [error.message, ...leftOver(this.#input.abandoned())].join("; ");
    }
    return error;
  }

  /** After the last: all that came is written. @throws ReaderGone; OSError */
  async finish({ loop, stop }: Turns): Promise<void> {
    await this.#output.finish(loop, stop);
  }

  async exchange(socket: DatagramSocket, turns: Turns): Promise<number> {
    const { lines } = turns;
    const options = { ...this.#options, observer: this.#hex ? lines.observer() : undefined };
    try {
      const end = await exchangeDatagrams(socket, this.#input, this.#output, options, turns);
      return report(end, options.idleTimeoutMs, false, lines.say);
    } finally {
      const lost = droppedDatagrams(socket.fileno());
      if (lost > 0) {
        lines.say(`${plural(lost, "datagram")} lost here: they came faster than they were printed`);
      }
    }
  }

  async #follow(
    peer: Peer,
    { loop, stop, lines }: Turns,
    dump: Observer | undefined,
  ): Promise<number> {
    using printer = new Printer(this.#output, loop);
    const observer: ScriptObserver = {
      see(direction, bytes) {
        dump?.see(direction, bytes);
        if (direction === "received") printer.print(bytes);
      },
      get waits() {
        return dump?.waits ?? false;
      },
      get waiting() {
        return printer.waiting;
      },
      settle: async (stop) => await dump?.settle(stop),
    };
    try {
      await new ScriptRun(peer, loop, stop, observer).run(this.#script!.steps);
      await printer.finish(stop);
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      await printer.finish(stop);
      lines.say(`${this.#script!.path}, ${error.message}`);
      return error.reason === "timeout" ? EXIT.timeout : EXIT.peerGone;
    }
  }
}

/** Over a Unix socket only who closes with unread input resets; how much that was is not known. */
const wasUnread = ({ transport }: Peer, { error }: SessionEnd): boolean =>
  (error as { code?: string } | undefined)?.code === "ECONNRESET" &&
  transport.localAddress.family === "unix";

function readScript(path: string): Step[] {
  if (path === "-") {
    throw new UsageError("option '--script' needs a file: what stands on stdin is no script");
  }
  const source = readText(path, "script");
  try {
    return parseScript(source);
  } catch (error) {
    if (error instanceof ScriptError) throw new UsageError(`${path}, ${error.message}`);
    throw error;
  }
}
