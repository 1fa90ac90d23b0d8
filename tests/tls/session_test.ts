// Two sessions that talk to each other through memory: no descriptor, no engine.
import { afterAll, describe, expect } from "bun:test";
import { openSslClient, openSslMissing, openSslServer } from "../../lib/tls/openssl.ts";
import { TlsConfigError, type TlsError } from "../../lib/tls/errors.ts";
import { nodeTlsClient, nodeTlsServer } from "../../lib/tls/node_tls.ts";
import type { TlsEndpoint, TlsSession, TlsSink } from "../../lib/tls/session.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { itUnless } from "../support/systems.ts";
import { sleep } from "../support/waiting.ts";
import { Certificates, NO_OPENSSL } from "./certificates.ts";
import { writeFileSync } from "node:fs";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
afterAll(() => certificates?.[Symbol.dispose]());

/** A sink that writes down what it is told, and keeps what is to be sent. */
class End implements TlsSink {
  readonly session: TlsSession;
  readonly said: string[] = [];
  readonly wire: Uint8Array[] = [];
  readonly got: Uint8Array[] = [];
  error: TlsError | undefined;
  onSecured: (() => void) | undefined;

  constructor(endpoint: TlsEndpoint, serverName?: string) {
    this.session = endpoint.session(this, serverName);
  }
  ciphertext(bytes: Uint8Array): void {
    this.wire.push(bytes.slice());
  }
  secured(): void {
    this.said.push("secured");
    this.onSecured?.();
  }
  plaintext(bytes: Uint8Array): void {
    this.got.push(bytes.slice());
  }
  ended(): void {
    this.said.push("ended");
  }
  sent(): void {
    this.said.push("sent");
  }
  failed(error: TlsError): void {
    this.said.push(`failed ${error.code}`);
    this.error = error;
  }
  received(): Uint8Array {
    return Buffer.concat(this.got);
  }
}

/** Carries bytes to and fro until neither has anything to say; `cut` is the size of the pieces. */
async function carryBetween(
  ends: readonly [End, End],
  endpoints: readonly TlsEndpoint[],
  cut = 65536,
): Promise<void> {
  const [a, b] = ends;
  for (let quiet = 0; quiet < 2;) {
    let moved = false;
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const bytes = Buffer.concat(from.wire.splice(0));
      for (let at = 0; at < bytes.length; at += cut) {
        to.session.receive(bytes.subarray(at, at + cut));
        moved = true;
      }
    }
    for (const endpoint of endpoints) await endpoint.settled();
    quiet = moved ? 0 : quiet + 1;
  }
}

interface Pair {
  readonly client: End;
  readonly server: End;
  carry(cut?: number): Promise<void>;
}

interface Implementation {
  readonly name: string;
  readonly server: typeof openSslServer;
  readonly client: typeof openSslClient;
  readonly missing: string | undefined;
}

const implementations: Implementation[] = [
  {
    name: "OpenSSL",
    server: openSslServer,
    client: openSslClient,
    missing: openSslMissing() === undefined ? undefined : "OpenSSL 3 can't be loaded",
  },
  { name: "node:tls", server: nodeTlsServer, client: nodeTlsClient, missing: undefined },
];

for (const { name, server, client, missing } of implementations) {
  const it = (what: string, body: () => void | Promise<void>) =>
    itUnless(NO_OPENSSL ?? missing, `a session of ${name} ${what}`, body);

  let current: readonly TlsEndpoint[] = [];

  const withPair = async (
    use: (pair: Pair) => Promise<void>,
    options: {
      names?: string;
      days?: number;
      serverName?: string;
      ca?: string;
      insecure?: boolean;
    } = {},
  ): Promise<void> => {
    const { serverName = "localhost", insecure = false, ca = certificates!.ca } = options;
    const endpoints = [
      server(certificates!.identity(options)),
      client({ insecure, ...(insecure ? {} : { ca }) }),
    ] as const;
    current = endpoints;
    const ends = [new End(endpoints[1], serverName), new End(endpoints[0])] as const;
    for (const end of ends) end.session.start();
    try {
      await use({
        client: ends[0],
        server: ends[1],
        carry: (cut) => carryBetween(ends, endpoints, cut),
      });
    } finally {
      for (const end of ends) end.session.free();
      for (const endpoint of endpoints) endpoint.free();
    }
  };

  describe(`TLS by ${name}`, () => {
    it("agrees, and carries bytes both ways", () =>
      withPair(async ({ client, server, carry }) => {
        await carry();
        expect(client.said).toEqual(["secured"]);
        expect(server.said).toEqual(["secured"]);
        const there = pattern(1 << 20, 1);
        const back = pattern(200_001, 2);
        client.session.send(there);
        server.session.send(back);
        await carry();
        expectSameBytes(server.received(), there);
        expectSameBytes(client.received(), back);
      }));

    it("takes ciphertext in pieces of any size", () =>
      withPair(async ({ client, server, carry }) => {
        await carry(7);
        const there = pattern(50_000, 3);
        client.session.send(there);
        await carry(101);
        expectSameBytes(server.received(), there);
      }));

    it("ends each direction by itself", () =>
      withPair(async ({ client, server, carry }) => {
        await carry();
        client.session.send(pattern(10));
        client.session.end();
        await carry();
        expect(server.said).toEqual(["secured", "ended"]);
        expect(server.received().length).toBe(10);
        server.session.send(pattern(300_000, 4));
        server.session.end();
        await carry();
        expectSameBytes(client.received(), pattern(300_000, 4));
        expect(client.said).toEqual(["secured", "sent", "ended"]);
        expect(server.said).toEqual(["secured", "ended", "sent"]);
      }));

    it("knows the server by its IP address", () =>
      withPair(async ({ client, carry }) => {
        await carry();
        expect(client.said).toEqual(["secured"]);
      }, { serverName: "127.0.0.1" }));

    const bad: [string, Parameters<typeof withPair>[1], RegExp][] = [
      ["of another name", { serverName: "example.org" }, /host ?name|altnames|does not match/i],
      ["of another address", { serverName: "127.0.0.2" }, /IP|address|does not match/i],
      ["that has expired", { days: -1 }, /expired/],
    ];
    for (const [what, options, reason] of bad) {
      it(`refuses a certificate ${what}`, () =>
        withPair(async ({ client, server, carry }) => {
          await carry();
          expect(client.said).toEqual(["failed TLS_CERTIFICATE"]);
          expect(client.error!.message).toMatch(reason);
          expect(server.said.includes("ended")).toBe(false);
        }, options));
      it(`takes a certificate ${what} when it is not to look`, () =>
        withPair(async ({ client, carry }) => {
          await carry();
          expect(client.said).toEqual(["secured"]);
        }, { ...options, insecure: true }));
    }

    it("fails when the peer speaks something else", () =>
      withPair(async ({ client, server }) => {
        server.session.receive(
          new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        );
        client.session.receive(
          new TextEncoder().encode("220 mail.example.org ready\r\n".repeat(9)),
        );
        await sleep(50);
        expect(server.said).toEqual(["failed TLS_HANDSHAKE"]);
        expect(client.said).toEqual(["failed TLS_HANDSHAKE"]);
      }));

    it("fails on a changed byte", () =>
      withPair(async ({ client, server, carry }) => {
        await carry();
        client.session.send(pattern(100));
        for (let i = 0; i < 50 && client.wire.length === 0; i++) await sleep(1);
        client.wire.at(-1)![50]! ^= 1;
        await carry();
        expect(server.said).toEqual(["secured", "failed TLS_PROTOCOL"]);
        expect(server.received().length).toBe(0);
      }));

    if (name === "OpenSSL") {
      // All sessions of an endpoint share their buffers: none may leave anything behind.
      it("breaks alone, whatever it is given", () =>
        withPair(async ({ client, server, carry }) => {
          await carry();
          const random = (limit: number) => Math.floor(Math.random() * limit);
          for (let i = 0; i < 300; i++) {
            const own = [new End(current[1]!, "localhost"), new End(current[0]!)] as const;
            for (const end of own) end.session.start();
            if (random(2) === 0) await carryBetween(own, current);
            const noise = pattern(1 + random(70_000), i);
            if (random(2) === 0) noise.set([22 + random(2), 3, 3, random(2), random(256)]);
            for (const end of own) end.session.receive(noise);
            for (const end of own) end.session.receive(noise);
            for (const end of own) end.session.free();
            const sent = pattern(1 + random(5000), i);
            client.session.send(sent);
            await carry();
            expectSameBytes(server.received(), sent);
            server.got.length = 0;
          }
        }));
    }

    it("says what is wrong with a file", () => {
      const { cert, key } = certificates!.identity();
      const garbage = certificates!.file("garbage.pem");
      writeFileSync(garbage, "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n");
      const cases: [() => unknown, RegExp][] = [
        [
          () => server({ cert: "/nonexistent.pem", key }),
          /Cannot read the certificate \/nonexistent\.pem: ENOENT/,
        ],
        [() => server({ cert, key: cert }), /Cannot use the key .*there is none in it/],
        [() => server({ cert: garbage, key }), /Cannot use the certificate .*garbage\.pem/],
        [() => server({ cert, key: certificates!.identity().key }), /Cannot use .*key/],
        [() => client({ ca: key, insecure: false }), /Cannot use the authorities .*there is none/],
      ];
      for (const [make, message] of cases) {
        let error: unknown;
        try {
          make();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toMatch(message);
        expect(error instanceof TlsConfigError).toBe(true);
        expect((error as Error).message.includes("\n")).toBe(false);
      }
    });
  });
}
