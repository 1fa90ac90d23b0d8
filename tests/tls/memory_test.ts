// What a session takes it gives back.
import { describe, expect } from "bun:test";
import { readAuthorities, readIdentity } from "../../lib/tls/credentials.ts";
import { tlsClient, tlsServer } from "../../lib/tls/endpoint.ts";
import type { TlsSession, TlsSink } from "../../lib/tls/session.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "./certificates.ts";

class End implements TlsSink {
  session!: TlsSession;
  other!: End;
  isSecured = false;
  ciphertext(bytes: Uint8Array): void {
    // A copy: the sessions of a pair must not call each other from within a call.
    const copy = bytes.slice();
    queueMicrotask(() => this.other.session.receive(copy));
  }
  secured(): void {
    this.isSecured = true;
  }
  plaintext(): void {}
  ended(): void {}
  sent(): void {}
  failed(): void {}
}

describe("memory of TLS", () => {
  itUnless(
    NO_TLS,
    "handshakes by the thousand leave nothing behind",
    async () => {
      using certificates = new Certificates();
      const { cert, key } = certificates.identity();
      const server = tlsServer(readIdentity(cert, key));
      const client = tlsClient({ ca: readAuthorities(certificates.ca), insecure: false });
      const handshakes = async (count: number) => {
        for (let i = 0; i < count; i++) {
          const [a, b] = [new End(), new End()];
          [a.other, b.other] = [b, a];
          a.session = client.session(a, "localhost");
          b.session = server.session(b);
          a.session.start();
          for (let turn = 0; turn < 10; turn++) await null;
          expect(a.isSecured && b.isSecured).toBe(true);
          a.session.free();
          b.session.free();
        }
      };
      await handshakes(300);
      const before = process.memoryUsage().rss;
      await handshakes(1200);
      const grown = process.memoryUsage().rss - before;
      server.free();
      client.free();
      // Sessions that stay take more than 20 KB each, which is 48 MB for these.
      expect(grown).toBeLessThan(30e6);
    },
  );
});
