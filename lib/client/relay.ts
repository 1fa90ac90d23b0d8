/**
 * A standard stream as a socket: a thread of its own moves bytes between the two.
 *
 * Windows has no readiness but for sockets: a read or write of a console, a pipe or a file blocks its thread.
 */
import { readSync, writeSync } from "node:fs";
import { ERRNO, OSError } from "../sys/errno.ts";
import { c, closeFd, setNonBlocking } from "../sys/posix.ts";
import { newPair } from "../sys/socket/sockets.ts";

const CHUNK = 64 * 1024;
/** Longer than any error's code. */
const CODE_LENGTH = 32;

export interface RelayData {
  readonly way: "in" | "out";
  /** The stream, which is blocking. */
  readonly stream: number;
  readonly socket: number;
  /** For the code of an error of the stream, such as "ENOSPC". */
  readonly code: SharedArrayBuffer;
}

export type SpawnRelay = (role: "relay", data: RelayData) => unknown;

/** The near end of a stream that a thread reads or writes. */
export class Relay {
  /** A non-blocking socket, to be read or written in the stream's place. It ends when the stream does. */
  readonly fd: number;
  readonly #code = new Uint8Array(new SharedArrayBuffer(CODE_LENGTH));
  readonly #way: RelayData["way"];

  constructor(spawn: SpawnRelay, way: RelayData["way"], stream: number) {
    const [near, far] = newPair();
    this.fd = near;
    this.#way = way;
    spawn("relay", { way, stream, socket: far, code: this.#code.buffer });
  }

  /** What the stream failed with. */
  get failure(): OSError | undefined {
    const code = String.fromCharCode(...this.#code.filter((byte) => byte !== 0));
    if (code === "") return undefined;
    const errno = ERRNO[code] ?? ERRNO.EIO!;
    return this.#way === "in"
      ? new OSError(errno, "read", "read standard input")
      : new OSError(errno, "write", "write to stdout");
  }
}

export function runRelay({ way, stream, socket, code }: RelayData): void {
  setNonBlocking(socket, false);
  const receive = (into: Uint8Array) => c.recvBytes(socket, into, into.length, 0);
  try {
    if (way === "in") copy((into) => readStream(stream, into), (bytes) => sendTo(socket, bytes));
    else copy(receive, (bytes) => writeTo(stream, bytes));
  } catch (error) {
    const text = (error as { code?: string }).code ?? "EIO";
    new Uint8Array(code).set(new TextEncoder().encode(text).subarray(0, CODE_LENGTH));
  }
  closeFd(socket);
}

/** Until there is nothing more, or its reader has gone. */
function copy(read: (into: Uint8Array) => number, write: (bytes: Uint8Array) => boolean): void {
  const buffer = new Uint8Array(new ArrayBuffer(CHUNK));
  for (let count; (count = read(buffer)) > 0;) {
    if (!write(buffer.subarray(0, count))) return;
  }
}

function readStream(fd: number, into: Uint8Array): number {
  try {
    return readSync(fd, into);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EOF" || code === "EPIPE") return 0; // the end of a pipe (ERROR_BROKEN_PIPE)
    throw error;
  }
}

function sendTo(socket: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const sent = c.sendBytes(socket, bytes.subarray(at), bytes.length - at, 0);
    if (sent < 0) return false; // the client has ended
    at += sent;
  }
  return true;
}

function writeTo(fd: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  return true;
}
