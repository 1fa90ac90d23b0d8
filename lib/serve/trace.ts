/** `--trace`: the loop narrated, one event a line. */
import { type Connection, forwarding, type Handler, type Observer } from "../engine/mod.ts";
import { latin1, quote } from "../text/bytes.ts";
import { escapeControls } from "../text/escape.ts";
import type { Session } from "./connection.ts";

const SHOWN = 64;

/** Payload for people: escaped, and cut at 64 characters. */
function showPayload(bytes: Uint8Array): string {
  return quote(latin1(bytes.subarray(0, SHOWN))) + (bytes.length > SHOWN ? "…" : "");
}

const nameOf = ({ state }: Connection<Session>): string => state.details().peer;

/**
 * A line for every step of the loop, with its time as ISO 8601 has it in front, given to `write` once a turn:
 * it waits for nothing.
 */
export class Trace implements Observer {
  readonly #write: (lines: string) => void;
  #lines = "";

  constructor(write: (lines: string) => void) {
    this.#write = write;
  }

  #line(text: string): void {
    this.#lines += `${new Date().toISOString()} ${escapeControls(text)}\n`;
  }

  flush(): void {
    if (this.#lines !== "") this.#write(this.#lines);
    this.#lines = "";
  }

  waiting(registered: number): void {
    this.#line(`waiting for next event (${registered} registered)`);
    this.flush();
  }
  ready(count: number): void {
    if (count > 0) this.#line(`${count} ready`);
  }
  received(connection: Connection<Session>, bytes: Uint8Array): void {
    this.#line(`received ${bytes.length} bytes from ${nameOf(connection)}: ${showPayload(bytes)}`);
  }
  queued(connection: Connection<Session>, count: number): void {
    this.#line(`queued ${count} bytes for ${nameOf(connection)}`);
  }
  sent(connection: Connection<Session>, bytes: Uint8Array): void {
    this.#line(`sent ${bytes.length} bytes to ${nameOf(connection)}: ${showPayload(bytes)}`);
  }
  drained(connection: Connection<Session>): void {
    this.#line(`queue of ${nameOf(connection)} is empty`);
  }

  handing(peer: string, worker: number): void {
    this.#line(`handing ${peer} to worker ${worker}`);
  }
  cameBack(peer: string, worker: number): void {
    this.#line(`${peer} came back from worker ${worker}`);
  }

  /** A handler that reports the start and the end of each connection. */
  around(inner: Handler<Session>): Handler<Session> {
    return forwarding(inner, {
      open: (connection) => {
        connection.state.details().peer = connection.peerName;
        this.#line(`new connection from ${nameOf(connection)}`);
        inner.open(connection);
      },
      close: (connection, error) => {
        const peer = nameOf(connection);
        this.#line(error ? `${peer} failed: ${error.code}` : `${peer} disconnected`);
        inner.close(connection, error);
      },
    });
  }
}
