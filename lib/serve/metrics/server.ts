/**
 * What a server tells over HTTP: `/metrics`, `/stats.json`, `/healthz`.
 *
 * On the main thread, which never blocks: it answers whatever the event loops are doing, and while the
 * server drains.
 */
import { formatAddress, OSError, resolveHost } from "../../net/mod.ts";
import { ERRNO } from "../../sys/errno.ts";
import { PROMETHEUS_TYPE, prometheusText } from "./prometheus.ts";
import type { Stats } from "../stats.ts";

const http = process.getBuiltinModule("node:http");

/** Whom it tells about; undefined as long as there is nobody yet. */
export type Subject = { stats(): Stats; readonly draining: boolean } | undefined;

/** A running HTTP server. */
export interface Metrics {
  /** "127.0.0.1:9100" */
  readonly name: string;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const text = (status: number, body: string, type = "text/plain; charset=utf-8"): Answer => ({
  status,
  type,
  body,
});

/** The answer to a request. */
export function answer(method: string, path: string, subject: Subject, version: string): Answer {
  if (method !== "GET" && method !== "HEAD") return text(405, "only GET and HEAD\n");
  if (path === "/healthz") {
    if (!subject) return text(503, "starting\n");
    return subject.draining ? text(503, "draining\n") : text(200, "ok\n");
  }
  if (path !== "/metrics" && path !== "/stats.json") {
    return text(404, "not here: /metrics, /stats.json, /healthz\n");
  }
  if (!subject) return text(503, "starting\n");
  return path === "/metrics"
    ? text(200, prometheusText(subject.stats(), version), PROMETHEUS_TYPE)
    : text(200, JSON.stringify(subject.stats()) + "\n", "application/json");
}

/**
 * Listens and answers.
 *
 * @throws OSError when the address can't be bound, ResolveError when the host has none
 */
export async function serveMetrics(
  at: { readonly host: string; readonly port: number },
  subject: () => Subject,
  version: string,
): Promise<Metrics> {
  const [host] = await resolveHost(at.host);
  const server = http.createServer((request, response) => {
    request.resume(); // a body means nothing here, and must not stay in the way of the next request
    const path = (request.url ?? "/").replace(/\?.*$/, "");
    const { status, type, body } = answer(request.method ?? "", path, subject(), version);
    response.writeHead(status, {
      "content-type": type,
      "content-length": new TextEncoder().encode(body).length,
      "cache-control": "no-store",
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const number = ERRNO[(error as { code?: string }).code ?? ""];
      const family = at.host.includes(":") ? "ipv6" : "ipv4";
      const where = `serve metrics on ${formatAddress({ family, ...at })}`;
      reject(number === undefined ? error : new OSError(number, "bind", where));
    });
    server.listen({ host: host!, port: at.port }, resolve);
  });
  server.on("error", () => {}); // of one connection: EMFILE at accept; the next may be fine
  const { address, port, family } = server.address() as import("node:net").AddressInfo;
  const isV6 = family === "IPv6" || family as unknown === 6;
  return {
    name: formatAddress({ family: isV6 ? "ipv6" : "ipv4", host: address, port }),
    close: () => void server.close(),
  };
}
