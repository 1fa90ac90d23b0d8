// Faults inside TLS: the sizes are of plaintext, and the ends are those of TLS.
import { afterAll, describe, expect } from "bun:test";
import { spawnCli, startServe } from "../support/cli.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_OPENSSL } from "./certificates.ts";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
const identity = certificates?.identity();
afterAll(() => certificates?.[Symbol.dispose]());

const it = (name: string, body: () => Promise<void>) =>
  itUnless(NO_OPENSSL, `iomux serve --tls-cert ${name}`, body);

/** A run of 64-byte messages through TLS against a server with faults. */
async function against(faults: string[], args: string[]) {
  const { cert, key } = identity!;
  await using server = await startServe(["--tls-cert", cert, "--tls-key", key, ...faults]);
  const tls = ["--tls", "--tls-ca", certificates!.ca];
  await using cli = spawnCli(["stress", server.name, ...tls, ...args, "--json"]);
  const { code } = await cli.exit;
  return { code, result: JSON.parse(cli.stdout()) };
}

describe("serve with faults inside TLS", () => {
  it("--delay --slice --bandwidth: late, in pieces, and every byte right", async () => {
    const { code, result } = await against(
      ["--delay", "30ms±10ms", "--slice", "50", "--bandwidth", "50KB/s"],
      ["-c", "5", "-n", "50"],
    );
    expect(code).toBe(0);
    expect(result.messages.verified).toBe(50);
    expect(result.latency_us.min).toBeGreaterThanOrEqual(20_000);
  });

  it("--close-after: truncated at exactly that byte, 6", async () => {
    const { code, result } = await against(["--close-after", "1000"], ["-c", "2", "-n", "100"]);
    expect(code).toBe(6);
    const { kind, offset } = result.first_mismatch;
    expect({ kind, offset }).toEqual({ kind: "truncated", offset: 1000 });
    expect(result.messages.verified).toBe(30);
  });

  it("--reset-after: a reset behind exactly that byte, 5", async () => {
    const { code, result } = await against(["--reset-after", "640"], ["-c", "3", "-n", "300"]);
    expect(code).toBe(5);
    expect(result.messages.verified).toBe(30);
    expect(result.errors).toEqual({ ECONNRESET: 3 });
  });
});
