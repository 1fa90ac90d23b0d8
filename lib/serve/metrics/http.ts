/**
 * What a server says over HTTP: `/metrics`, `/stats.json`, `/healthz`.
 *
 * As much of HTTP/1.1 (RFC 9112) as that needs: the head of one request is read, it is answered, and the
 * connection ends. How many there are, how much they send and how long they take is bounded, as they share
 * the process's descriptors with the connections that are served.
 */
import type { Connection, Engine, Handler, Timer } from "../../engine/mod.ts";
import { PHASE, type ServerStats } from "../stats.ts";
import { PROMETHEUS_TYPE, prometheusText } from "./prometheus.ts";

/** Connections at a time; another one takes the place of the oldest. */
const MOST = 16;
const TIMEOUT_MS = 10_000;
const HEAD_BYTES = 8 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

function answer(method: string, path: string, stats: ServerStats, version: string): Answer {
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "only GET and HEAD\n" };
  const { phase } = stats;
  if (path === "/healthz") {
    if (phase === PHASE.serving) return { status: 200, body: "ok\n" };
    return { status: 503, body: phase === PHASE.draining ? "draining\n" : "starting\n" };
  }
  if (path !== "/metrics" && path !== "/stats.json") {
    return { status: 404, body: "not here: /metrics, /stats.json, /healthz\n" };
  }
  if (phase === PHASE.starting) return { status: 503, body: "starting\n" };
  const now = stats.collect();
  return path === "/metrics"
    ? { status: 200, body: prometheusText(now, version), type: PROMETHEUS_TYPE }
    : { status: 200, body: JSON.stringify(now) + "\n", type: "application/json" };
}

/** A connection, from its first byte to its answer. */
class Exchange {
  head = "";
  isAnswered = false;
  timer: Timer | undefined;
}

type Peer = Connection<Exchange>;

export class HttpHandler implements Handler<Exchange> {
  readonly #engine: Engine;
  readonly #stats: ServerStats;
  readonly #version: string;
  readonly #closed: () => void;
  /** In the order in which they came. */
  readonly #open = new Set<Peer>();

  /** `closed` is called after each connection. */
  constructor(engine: Engine, stats: ServerStats, version: string, closed: () => void) {
    this.#engine = engine;
    this.#stats = stats;
    this.#version = version;
    this.#closed = closed;
  }

  /** A connection that was accepted. */
  adopt(fd: number): void {
    const released = { fd, bytes: new Uint8Array(0) };
    const peer = this.#engine.adopt(released, this, new Exchange());
    if (!peer.closed) this.open(peer);
  }

  open(peer: Peer): void {
    this.#open.add(peer);
    peer.state.timer = this.#engine.after(TIMEOUT_MS, () => peer.reset());
    const [oldest] = this.#open;
    if (this.#open.size > MOST) oldest!.reset();
  }

  data(peer: Peer, bytes: Uint8Array): void {
    const exchange = peer.state;
    if (exchange.isAnswered) return; // a body, or another request: read and discarded
    exchange.head += new TextDecoder("latin1").decode(bytes);
    const isWhole = /\r?\n\r?\n/.test(exchange.head);
    if (!isWhole && exchange.head.length <= HEAD_BYTES) return;
    exchange.isAnswered = true;
    const [, method, path] = /^([A-Z]+) ([^\s?]*)\S* HTTP\/1\.[01]\r?\n/.exec(exchange.head) ?? [];
    const given = exchange.head.length > HEAD_BYTES
      ? { status: 431, body: "the request is too long\n" }
      : method === undefined
      ? { status: 400, body: "not a request of HTTP/1.1\n" }
      : answer(method, path!, this.#stats, this.#version);
    peer.send(messageOf(given, method === "HEAD"));
    peer.end();
  }

  writable(): void {}
  end(peer: Peer): void {
    if (!peer.state.isAnswered) peer.close();
  }
  close(peer: Peer): void {
    peer.state.timer?.cancel();
    this.#open.delete(peer);
    this.#closed();
  }
}

function messageOf({ status, body, type }: Answer, isHead: boolean): Uint8Array {
  const content = new TextEncoder().encode(body);
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `content-type: ${type ?? "text/plain; charset=utf-8"}`,
    `content-length: ${content.length}`,
    "cache-control: no-store",
    ...(status === 405 ? ["allow: GET, HEAD"] : []),
    "connection: close",
  ].join("\r\n");
  const start = new TextEncoder().encode(`${head}\r\n\r\n`);
  return isHead ? start : Buffer.concat([start, content]);
}
