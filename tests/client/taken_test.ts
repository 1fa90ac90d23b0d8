// What "bytes of standard input were not taken by the peer" counts: bytes of standard input.
import { afterAll, describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { Socket } from "../../lib/net/mod.ts";
import { spawnCli } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { sleep } from "../support/waiting.ts";
import { NO_TLS } from "../tls/certificates.ts";
import { FarEnd, PATIENCE_MS } from "./far_end.ts";
import { shellClient } from "./peers.ts";

const folder = new TempDir();
afterAll(() => folder[Symbol.dispose]());

const TOTAL = 12_000_000;
const WAS = /([\d,]+) bytes (?:of standard input )?were not taken by the peer\n/;
const saidIn = (text: string) => Number(WAS.exec(text)?.[1]?.replaceAll(",", ""));
/** Of TLS 1.3: how many bytes a full record has, and how many of them are content (RFC 8446, 5.2). */
const [RECORD, CONTENT] = [16_384 + 22, 16_384];
const WAYS = ["tcp", ...(NO_TLS === undefined ? ["tls"] as const : [])] as const;

describe("iomux client says how much of stdin a peer has not taken that reads nothing and resets", () => {
  for (const transport of WAYS) {
    for (const crlf of [false, true]) {
      it(`by ${transport}${crlf ? " with -C" : ""}`, async () => {
        using far = new FarEnd(transport);
        writeFileSync(folder.file("in"), Buffer.alloc(TOTAL, "\n"));
        const args = [...(crlf ? ["-C"] : []), ...far.target];
        await using client = shellClient('exec "$@" <"$IN"', args, { IN: folder.file("in") });
        const connection = await far.accept(() => client.stderr);
        const onTheWire = await connection.full();
        connection.reset();
        expect(await client.exit).toBe(5);
        const content = transport === "tls" ? onTheWire * CONTENT / RECORD : onTheWire;
        const taken = crlf ? content / 2 : content;
        expect(onTheWire).toBeGreaterThan(10_000);
        expect(Math.abs(saidIn(client.stderr) - (TOTAL - taken))).toBeLessThan(3);
      });
    }
    it(`by ${transport} in a script, whose bytes are counted`, async () => {
      using far = new FarEnd(transport);
      const length = 300_000;
      writeFileSync(folder.file("steps"), `send "${"a".repeat(length)}"\n`);
      const args = ["--script", folder.file("steps"), ...far.target];
      await using cli = spawnCli(["client", ...args]);
      const connection = await far.accept(() => cli.stderr());
      const onTheWire = await connection.full();
      expect((await cli.exit).code).toBe(5);
      const content = transport === "tls" ? onTheWire * CONTENT / RECORD : onTheWire;
      // The last record is not full.
      expect(Math.abs(saidIn(cli.stderr()) - (length - content))).toBeLessThan(RECORD - CONTENT);
    });
  }
});

describe("iomux client says how much of stdin a peer has not taken that goes before it could be talked to", () => {
  async function said(end: "reset" | "close", line: string, ...args: string[]) {
    using listener = Socket.listen({ host: "127.0.0.1" });
    await using client = shellClient(line, [`127.0.0.1:${listener.port}`, ...args], {
      IN: folder.file("in"),
    });
    const accepted = await next(listener);
    if (end === "reset") accepted.setLinger(0);
    accepted.close();
    return `${await client.exit}: ${client.stderr}`;
  }
  async function next(listener: Socket): Promise<Socket> {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline;) {
      const socket = listener.accept();
      if (socket) return socket;
      await sleep(2);
    }
    throw new Error("no client has connected");
  }
  const PIPE = 'printf hello | { sleep 0.3; exec "$@"; }';
  const FILE = 'exec "$@" <"$IN"';
  const was = (count: string) =>
    new RegExp(
      `^5: iomux: Cannot .*; ${count} bytes of standard input were not taken by the peer\\n$`,
    );

  it("by tcp, whose kernel may have taken some of it meanwhile", async () => {
    const total = 50_000_000;
    writeFileSync(folder.file("in"), Buffer.alloc(total));
    for (let round = 0; round < 8; round++) {
      const text = await said("reset", FILE);
      expect(text).toMatch(was("[\\d,]+"));
      expect(saidIn(text)).toBeGreaterThan(0);
      expect(saidIn(text)).toBeLessThan(total + 1);
    }
  });

  it("by tls, in its handshake", async () => {
    if (NO_TLS !== undefined) return;
    writeFileSync(folder.file("in"), Buffer.alloc(5_000_000));
    for (const end of ["reset", "close"] as const) {
      expect(await said(end, FILE, "--tls")).toMatch(was("5,000,000"));
      expect(await said(end, PIPE, "--tls")).toMatch(was("5"));
      expect(await said(end, 'exec "$@" </dev/null', "--tls")).toMatch(
        /^5: iomux: Cannot [^;]*\n$/,
      );
    }
  });
});
