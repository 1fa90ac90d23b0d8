// --metrics: /metrics in the text format of Prometheus, /stats.json, /healthz; at any time, under any load.
import { describe, expect, it } from "bun:test";
import { createRequire } from "node:module";
import { type RunningServer, spawnCli, startServe } from "../../support/cli.ts";
import { inNamespace, NO_NAMESPACE } from "../../support/namespaces.ts";
import { dialError, exchange, Peer } from "../../support/peers.ts";
import { itUnless } from "../../support/systems.ts";

interface Family {
  name: string;
  help: string;
  type: string;
  metrics: { value: string; labels?: Record<string, string> }[];
}
const parse: (text: string) => Family[] = createRequire(import.meta.url)(
  "parse-prometheus-text-format",
);

/** A server with metrics, and how to ask it. */
async function started(args: string[] = []) {
  const server = await startServe(["--metrics", "127.0.0.1:0", ...args]);
  const [, name] = await server.says(/Metrics on http:\/\/(127\.0\.0\.1:\d+)\/metrics/);
  return {
    server,
    get: (path: string, init: RequestInit = {}) => ask(`http://${name}${path}`, init),
  };
}

async function ask(url: string, init: RequestInit) {
  const response = await fetch(url, { ...init, headers: { connection: "close" } });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: await response.text() };
}

const echoing = async (server: RunningServer) => {
  const peer = Peer.dial(server);
  await peer.send("?");
  expect(await peer.text(1)).toBe("?");
  return peer;
};

describe("serve --metrics", () => {
  it("/metrics is what a parser of the format reads, with the numbers of the statistics", async () => {
    const { server, get } = await started(["--workers", "2", "--max-connections", "2"]);
    await using _server = server;
    const peers = [await echoing(server), await echoing(server)];
    using rejected = Peer.dial(server);
    expect(await rejected.isOver()).toBe(true);
    peers[0]!.reset();
    await server.statsWhen(({ active }) => active === 1);
    const { status, type, body } = await get("/metrics");
    expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    const families = new Map(parse(body).map((family) => [family.name, family]));
    const value = (name: string) => Number(families.get(`iomux_${name}`)!.metrics[0]!.value);
    const stats = await server.stats();
    expect(value("connections_accepted_total")).toBe(3);
    expect(value("connections_active")).toBe(1);
    expect(value("connections_rejected_total")).toBe(1);
    expect(value("received_bytes_total")).toBe(stats.bytes_in);
    expect(value("sent_bytes_total")).toBe(stats.bytes_out);
    expect(value("workers")).toBe(2);
    expect(families.get("iomux_errors_total")!.metrics)
      .toEqual([{ value: "1", labels: { code: "ECONNRESET" } }]);
    expect(families.get("iomux_info")!.metrics[0]!.labels!.selector).toBe(stats.selector);
    for (const { name, type, help } of families.values()) {
      expect(type).toBe(name.endsWith("_total") ? "COUNTER" : "GAUGE");
      expect(help.length).toBeGreaterThan(10);
    }
    // And the grammar, which the parser takes more liberally: every line, and a newline at the end.
    const line =
      /^(# HELP [a-z_]+ [^\n]+|# TYPE [a-z_]+ (counter|gauge)|[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.e+]+)$/;
    for (const each of body.trimEnd().split("\n")) expect(each).toMatch(line);
    expect(body.endsWith("\n")).toBe(true);
    peers[1]!.reset();
  });

  it("/stats.json is what SIGUSR1 prints", async () => {
    const { server, get } = await started();
    await using _server = server;
    await exchange(server, "hello");
    await server.statsWhen(({ active }) => active === 0);
    const { status, type, body } = await get("/stats.json");
    expect([status, type]).toEqual([200, "application/json"]);
    const { uptime_s: _, wakeups: __, ...stats } = JSON.parse(body);
    const { uptime_s: ___, wakeups: ____, ...printed } = await server.stats();
    expect(stats).toEqual(printed);
    expect(stats.bytes_in).toBe(5);
  });

  it("/healthz: 200, and 503 while it drains; the process ends all the same", async () => {
    const { server, get } = await started(["--drain-timeout", "5s"]);
    await using _server = server;
    using peer = await echoing(server);
    expect(await get("/healthz")).toEqual({
      ...{ status: 200, type: "text/plain; charset=utf-8", body: "ok\n" },
    });
    server.kill("SIGTERM");
    await server.says(/Draining/);
    const { status, body } = await get("/healthz");
    expect([status, body]).toEqual([503, "draining\n"]);
    expect((await get("/metrics")).status).toBe(200);
    peer.end();
    await peer.readToEnd();
    expect(await server.exit).toEqual({ code: 0, signal: null });
  });

  it("other paths are 404, other methods 405, HEAD has no body", async () => {
    const { server, get } = await started();
    await using _server = server;
    expect((await get("/")).status).toBe(404);
    expect((await get("/../etc/passwd")).status).toBe(404);
    expect((await get("/metrics?name[]=x")).status).toBe(200);
    expect((await get("/metrics", { method: "POST", body: "x=1" })).status).toBe(405);
    const head = await get("/stats.json", { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, ""]);
  });

  it("answers while the loop is busy", async () => {
    const { server, get } = await started(["--service", "chargen"]);
    await using _server = server;
    await using load = spawnCli(["client", `127.0.0.1:${server.port}`], { stdin: "pipe" });
    load.child.stdout!.removeAllListeners("data").on("data", () => {}); // read, and not kept
    for (let [i, sent] = [0, 0]; i < 10 || sent < 1_000_000; i++) {
      const start = performance.now();
      sent = JSON.parse((await get("/stats.json")).body).bytes_out;
      expect((await get("/healthz")).status).toBe(200);
      expect(performance.now() - start).toBeLessThan(8000);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it("a busy address: exit 3, one line, and nothing is served", async () => {
    const { server, get } = await started();
    await using _server = server;
    const { port } = server;
    expect((await get("/healthz")).status).toBe(200);
    const args = ["serve", "-p", "0", "-H", "127.0.0.1", "--metrics", `127.0.0.1:${port}`];
    await using second = spawnCli(args);
    expect((await second.exit).code).toBe(3);
    expect(second.stdout()).toBe("");
    expect(second.stderr()).toMatch(
      new RegExp(`^iomux: Cannot serve metrics on 127\\.0\\.0\\.1:${port}: EADDRINUSE .*\\n$`),
    );
    expect(dialError({ port })).toBe("connected");
  });

  itUnless(
    NO_NAMESPACE,
    "of a name are on the addresses that the machine has, as the server itself",
    async () => {
      const script = `ip link set lo up
        echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
        exec "$@" serve -p 0 -H localhost --metrics localhost:0`;
      await using cli = spawnCli([], { through: inNamespace(script) });
      await cli.says(/Metrics on http:\/\/127\.0\.0\.1:\d+\/metrics/);
      expect(cli.stderr().match(/\[warn\] Cannot bind .*one of the addresses of localhost/g))
        .toHaveLength(2);
    },
  );

  it("an IPv6 address that can't be bound is named in brackets", async () => {
    const args = ["serve", "-p", "0", "-H", "127.0.0.1", "--metrics", "[2001:db8::1]:1"];
    await using cli = spawnCli(args); // that network is for documentation only (RFC 3849)
    expect((await cli.exit).code).toBe(3);
    expect(cli.stderr()).toMatch(
      /^iomux: Cannot serve metrics on \[2001:db8::1\]:1: (EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL) .*\n$/,
    );
  });
});
