// discard (RFC 863), chargen (RFC 864) and daytime (RFC 867).
import { describe, expect, it } from "bun:test";
import { startServe } from "../support/cli.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { exchange, Peer } from "../support/peers.ts";
import { sleep } from "../support/waiting.ts";

/** The pattern of RFC 864, written down independently: 72 characters a line, each line one further. */
function chargenLines(count: number): string {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
  const ring = printable + printable;
  return Array.from({ length: count }, (_, i) => ring.slice(i % 95, i % 95 + 72) + "\r\n").join("");
}

describe("serve --service discard", () => {
  it("takes everything, answers nothing, and ends after the client", async () => {
    await using server = await startServe(["--service", "discard", "--stats"]);
    expect((await exchange(server, pattern(3_000_000))).length).toBe(0);
    await server.stop();
    const { bytes_in, bytes_out, closed, max_buffered } = server.lastStats();
    expect({ bytes_in, bytes_out, closed, max_buffered })
      .toEqual({ bytes_in: 3_000_000, bytes_out: 0, closed: 1, max_buffered: 0 });
  });
});

describe("serve --service chargen", () => {
  it("begins with the lines of RFC 864 and goes on with them", async () => {
    await using server = await startServe(["--service", "chargen"]);
    using peer = Peer.dial(server);
    expect(await peer.text(3 * 74)).toBe(
      " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n" +
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n" +
        "\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghi\r\n",
    );
    const lines = 40_000; // about 3 MB, through many rounds of the pattern and full buffers
    const expected = new TextEncoder().encode(chargenLines(lines));
    expectSameBytes(await peer.read(lines * 74 - 3 * 74), expected.subarray(3 * 74));
  });

  it("a small --max-buffer gives the same bytes", async () => {
    await using server = await startServe(["--service", "chargen", "--max-buffer", "3"]);
    using peer = Peer.dial(server);
    expect(await peer.text(5000)).toBe(chargenLines(68).slice(0, 5000));
  });

  it("a reader that stops: the server stops too, within --max-buffer, and others are served", async () => {
    await using server = await startServe(["--service", "chargen", "--max-buffer", "100KB"]);
    using lazy = Peer.dial(server);
    const early = await server.statsAtRest();
    await sleep(200);
    const late = await server.stats();
    expect(late.bytes_out).toBe(early.bytes_out);
    expect(late.max_buffered).toBeGreaterThan(0);
    expect(late.max_buffered).toBeLessThanOrEqual(100_000);
    expect(late.wakeups - early.wakeups).toBeLessThan(50); // no spin
    using other = Peer.dial(server);
    expect(await other.text(74)).toBe(chargenLines(1));
    expect(await lazy.text(200_000)).toBe(chargenLines(2703).slice(0, 200_000)); // goes on
  });

  it("a client's FIN stops it: the stream ends in order", async () => {
    await using server = await startServe(["--service", "chargen"]);
    using peer = Peer.dial(server);
    await peer.read(10_000);
    peer.end();
    const rest = await peer.readToEnd();
    const text = new TextDecoder().decode(rest);
    expect(chargenLines(Math.ceil((10_000 + text.length) / 74)).slice(10_000).startsWith(text))
      .toBe(true);
    const { closed, errors } = await server.statsWhen(({ active }) => active === 0);
    expect({ closed, errors }).toEqual({ closed: 1, errors: {} });
  });

  it("a client's RST stops it", async () => {
    await using server = await startServe(["--service", "chargen"]);
    const peer = Peer.dial(server);
    await peer.read(10_000);
    peer.reset();
    const before = await server.statsWhen(({ active }) => active === 0);
    await sleep(100);
    const after = await server.stats();
    expect([after.active, after.bytes_out]).toEqual([0, before.bytes_out]);
    expect(after.wakeups - before.wakeups).toBeLessThan(30);
  });

  it("two fast readers share the server", async () => {
    await using server = await startServe(["--service", "chargen"]);
    using a = Peer.dial(server);
    using b = Peer.dial(server);
    const both = await Promise.all([a.read(2_000_000), b.read(2_000_000)]);
    expectSameBytes(both[0], both[1]);
  });
});

describe("serve --service daytime", () => {
  it("sends one line with the time, and closes", async () => {
    await using server = await startServe(["--service", "daytime"]);
    using peer = Peer.dial(server);
    const text = new TextDecoder().decode(await peer.readToEnd());
    expect(text).toMatch(/^[^\r\n]+\r\n$/);
    expect(Math.abs(Date.parse(text) - Date.now())).toBeLessThan(5000);
  });

  it("a client that has sent something still gets its line: no reset destroys it", async () => {
    await using server = await startServe(["--service", "daytime", "--stats"]);
    for (let i = 0; i < 20; i++) {
      using peer = Peer.dial(server);
      await peer.send(pattern(20_000));
      await sleep(5);
      await peer.send("more"); // after the line and FIN have gone out
      expect((await peer.readToEnd()).length).toBeGreaterThan(20);
      peer.end();
    }
    await server.statsWhen(({ active }) => active === 0);
    await server.stop();
    const { closed, errors, bytes_in } = server.lastStats();
    expect({ closed, errors, bytes_in }).toEqual({ closed: 20, errors: {}, bytes_in: 20 * 20_004 });
  });

  it("a client that never ends is closed after --fin-timeout, even if it keeps sending", async () => {
    await using server = await startServe(["--service", "daytime", "--fin-timeout", "200ms"]);
    using peer = Peer.dial(server);
    await peer.readToEnd();
    const start = performance.now();
    const send = async () => {
      while (performance.now() - start < 3000) {
        peer.trySend(pattern(10));
        await sleep(20);
      }
    };
    const error = await send().catch((error) => error.code);
    expect(["EPIPE", "ECONNRESET"].includes(error)).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(100);
    expect((await server.statsWhen(({ active }) => active === 0)).active).toBe(0);
  });
});
