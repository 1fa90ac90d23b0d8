// --metrics under those who mean it no good: it answers, and what it takes from the server is bounded.
import { describe, expect, it } from "bun:test";
import { readProc, type RunningServer, startServe } from "../../support/cli.ts";
import { exchange, Peer } from "../../support/peers.ts";
import { NO_FILES } from "../../support/systems.ts";
import { sleep, until } from "../../support/waiting.ts";

async function started(args: string[] = [], openFiles?: number) {
  const options = openFiles === undefined ? {} : { openFiles };
  const server = await startServe(["--metrics", "127.0.0.1:0", ...args], options);
  const [, port] = await server.says(/Metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
  return { server, http: { port: Number(port) } };
}

/** What is answered to bytes that are sent as they are. */
async function raw(to: { port: number }, request: string): Promise<string> {
  using peer = Peer.dial(to);
  await peer.send(request);
  return new TextDecoder("latin1").decode(await peer.readToEnd());
}

const cpuTicks = ({ pid }: RunningServer): number => {
  const fields = readProc(`${pid}/stat`).split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
};

describe("serve --metrics and slow clients", () => {
  it("400 of them: the server and the next scraper are answered, and they are ended", async () => {
    const { server, http } = await started([], 300);
    await using _server = server;
    const slow = Array.from({ length: 400 }, () => Peer.dial(http));
    for (const peer of slow) {
      try {
        peer.trySend(new TextEncoder().encode("GET /metrics HTTP/1.1\r\n"));
      } catch {
        // It was ended for the next one already.
      }
    }
    for (let i = 0; i < 5; i++) {
      expect(await raw(http, "GET /healthz HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect((await exchange(server, "hello")).length).toBe(5);
    }
    let ended = 0;
    for (const peer of slow) ended += await peer.isOver(0) ? 1 : 0;
    expect(ended).toBeGreaterThan(350);
    const left = await Promise.all(slow.map((peer) => peer.isOver(15_000)));
    expect(left.every(Boolean)).toBe(true); // the others after a while
    for (const peer of slow) peer.reset();
  });

  it("without a descriptor left it answers from its own, and does not spin", async () => {
    if (NO_FILES) return;
    const { server, http } = await started(["--max-connections", "1000"], 150);
    await using _server = server;
    const peers = Array.from({ length: 150 }, () => Peer.dial(server));
    await server.says(/EMFILE/);
    for (let i = 0; i < 10; i++) {
      expect(await raw(http, "GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/ 200 OK/);
    }
    // More than its own at a time: the rest waits, and costs nothing.
    const scrapers = Array.from({ length: 30 }, () => Peer.dial(http));
    await sleep(100);
    const before = cpuTicks(server);
    await sleep(1000);
    expect(cpuTicks(server) - before).toBeLessThan(30);
    for (const peer of [...scrapers, ...peers]) peer.reset();
    const isFine = async () => (await server.stats()).active === 0;
    expect(await until(() => server.ended, 1)).toBe(false);
    for (let i = 0; i < 100 && !await isFine(); i++) await sleep(20);
    expect(await raw(http, "GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/ 200 OK/);
    expect((await exchange(server, "hello")).length).toBe(5);
  });

  const requests: [what: string, request: string, answer: RegExp][] = [
    ["no request", "hello\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["another protocol", "GET / HTTP/2.0\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["a head without end", `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}`, /^HTTP\/1\.1 431 /],
    [
      "a body",
      "POST /metrics HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
      /^HTTP\/1\.1 405 .*allow: /s,
    ],
    ["line feeds only", "GET /healthz HTTP/1.0\n\n", /^HTTP\/1\.1 200 .*\r\n\r\nok\n$/s],
    ["a path that climbs", "GET /../../etc/passwd HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 404 /],
    ["a whole address", "GET http://x/metrics HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 404 /],
  ];
  it("answers what is no request of its own with an error, and ends", async () => {
    const { server, http } = await started();
    await using _server = server;
    for (const [what, request, answer] of requests) {
      expect(`${what}: ${await raw(http, request)}`.replace(/^[^:]*: /, "")).toMatch(answer);
    }
    expect((await server.stats()).errors).toEqual({}); // they are no connections of the server
  });

  it("a request in single bytes is a request", async () => {
    const { server, http } = await started();
    await using _server = server;
    using peer = Peer.dial(http);
    for (const byte of "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n") {
      await peer.send(byte);
      await sleep(1);
    }
    expect(new TextDecoder().decode(await peer.readToEnd())).toMatch(/\r\n\r\nok\n$/);
  });
});
