// CPU time of TLS alone: two sessions that talk through memory, one receives and sends back. The same file
// runs on each runtime: bun bench/micro_tls.ts, deno run -P bench/micro_tls.ts, node bench/micro_tls.ts
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { readIdentity } from "../lib/tls/credentials.ts";
import { tlsClient, type TlsEndpoint, tlsServer } from "../lib/tls/endpoint.ts";
import type { TlsSession, TlsSink } from "../lib/tls/session.ts";

const ROUNDS = 5;

class End implements TlsSink {
  readonly session: TlsSession;
  readonly wire: Uint8Array[] = [];
  readonly #echoes: boolean;

  constructor(endpoint: TlsEndpoint, echoes: boolean) {
    this.session = endpoint.session(this, "localhost");
    this.#echoes = echoes;
  }
  ciphertext(bytes: Uint8Array): void {
    this.wire.push(bytes.slice());
  }
  plaintext(bytes: Uint8Array): void {
    if (this.#echoes) this.session.send(bytes);
  }
  secured(): void {}
  ended(): void {}
  sent(): void {}
  failed(error: Error): void {
    throw error;
  }
}

const folder = mkdtempSync(join(tmpdir(), "iomux-bench-"));
const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
execFileSync("openssl", [
  ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
  ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
], { stdio: "ignore" });
const client = new End(tlsClient({ insecure: true }), false);
const server = new End(tlsServer(readIdentity(cert, key)), true);
rmSync(folder, { recursive: true });

/** Carries what waits, until nobody has anything more to say. */
function carry(): void {
  for (const [from, to] of [[client, server], [server, client]] as const) {
    for (const bytes of from.wire.splice(0)) to.session.receive(bytes);
  }
  if (client.wire.length + server.wire.length > 0) carry();
}

client.session.start();
carry();
for (const [size, count] of [[64, 50_000], [16_384, 5_000]] as const) {
  const message = new Uint8Array(new ArrayBuffer(size));
  const figures: number[] = [];
  for (let round = -1; round < ROUNDS; round++) { // the first one warms up
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      client.session.send(message);
      carry();
    }
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) figures.push((user + system) / count / 2); // both ends do the same
  }
  figures.sort((a, b) => a - b);
  const [least, most] = [figures[0]!.toFixed(2), figures.at(-1)!.toFixed(2)];
  const middle = figures[ROUNDS >> 1]!.toFixed(2);
  console.log(`${size} bytes: ${middle} us of CPU to receive and send (${least}..${most})`);
}
