// --trace: the lines of the contract, section 4, in an order that tells what happened.
import { describe, expect, it } from "bun:test";
import { type RunningServer, startServe } from "../support/cli.ts";
import { Peer } from "../support/peers.ts";

const EVERY_LINE = new RegExp(
  "^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} (" + [
    "waiting for next event \\(\\d+ registered\\)",
    "\\d+ ready",
    "new connection from A",
    'received \\d+ bytes from A: "[^\\n]*"…?',
    "queued \\d+ bytes for A",
    'sent \\d+ bytes to A: "[^\\n]*"…?',
    "queue of A is empty",
    "A disconnected",
    "A failed: [A-Z]+",
  ].join("|") + ")$",
);

/** The trace without times, with A for the peer's address, and without the server's log lines. */
function lines(server: RunningServer): string[] {
  const all = server.stderr().replaceAll(/127\.0\.0\.1:\d+/g, "A").trimEnd().split("\n");
  const trace = all.filter((line) => !/\[(info|warning)\]/.test(line));
  for (const line of trace) expect(line).toMatch(EVERY_LINE);
  return trace.map((line) => line.slice(13));
}

const events = (all: string[]) => all.filter((line) => !/^(waiting|\d+ ready)/.test(line));

describe("serve --trace", () => {
  it("a select/upper session: connect, hello, HELLO, disconnect", async () => {
    const args = ["--trace", "--selector", "select", "--service", "upper"];
    await using server = await startServe(args);
    using peer = Peer.dial(server);
    await peer.send("hello\n");
    expect(await peer.text(6)).toBe("HELLO\n");
    peer.end();
    await peer.readToEnd();
    await server.says(/disconnected/);
    await server.stop();
    const all = lines(server);
    expect(events(all)).toEqual([
      "new connection from A",
      'received 6 bytes from A: "hello\\n"',
      "queued 6 bytes for A",
      'sent 6 bytes to A: "HELLO\\n"',
      "queue of A is empty",
      "A disconnected",
    ]);
    // Each step has a turn of its own: nothing is answered at once.
    const at = (text: string) => all.findIndex((line) => line.startsWith(text));
    expect(all.slice(at("queued"), at("sent"))).toEqual([
      "queued 6 bytes for A",
      "waiting for next event (2 registered)",
      "1 ready",
    ]);
    expect(all[0]).toBe("waiting for next event (1 registered)");
    expect(all[1]).toBe("1 ready");
  });

  it("a reset: failed, with the code", async () => {
    await using server = await startServe(["--trace"]);
    const peer = Peer.dial(server);
    await peer.send("x");
    await peer.text(1);
    peer.reset();
    await server.says(/failed/);
    expect(events(lines(server)).at(-1)).toBe("A failed: ECONNRESET");
    await server.stop(); // which wakes it up, with nothing ready
    expect(lines(server).filter((line) => line.startsWith("0 "))).toEqual([]);
  });

  it("shows the payload escaped, and cut at 64 characters", async () => {
    await using server = await startServe(["--trace"]);
    using peer = Peer.dial(server);
    const payload = '"\\\r\n\t\0\x1b[31mé€' + "y".repeat(100);
    await peer.send(payload);
    await peer.text(112);
    await server.says(/is empty/);
    const shown = '"\\"\\\\\\r\\n\\t\\0\\x1b[31m\\xc3\\xa9\\xe2\\x82\\xac' + "y".repeat(48) + '"…';
    expect(events(lines(server)).slice(1, 4)).toEqual([
      `received 116 bytes from A: ${shown}`,
      "queued 116 bytes for A",
      `sent 116 bytes to A: ${shown}`,
    ]);
  });

  it("echoes a large stream to its end while narrating", async () => {
    await using server = await startServe(["--trace", "--max-buffer", "20KB"]);
    using peer = Peer.dial(server);
    await peer.send("a".repeat(200_000));
    peer.end();
    expect((await peer.readToEnd()).length).toBe(200_000);
    await server.says(/disconnected/);
    const sum = (pattern: RegExp) =>
      lines(server).map((line) => pattern.exec(line)).reduce((n, m) => n + Number(m?.[1] ?? 0), 0);
    expect(sum(/^received (\d+)/)).toBe(200_000);
    expect(sum(/^queued (\d+)/)).toBe(200_000);
    expect(sum(/^sent (\d+)/)).toBe(200_000);
  });
});
