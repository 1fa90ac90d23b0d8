// Two sessions that talk to each other through memory: no descriptor, no engine.
import { afterAll, describe, expect } from "bun:test";
import { readAuthorities, readIdentity, TlsConfigError } from "../../lib/tls/credentials.ts";
import { tlsClient, type TlsEndpoint, tlsServer } from "../../lib/tls/endpoint.ts";
import type { TlsError } from "../../lib/tls/errors.ts";
import type { TlsSession, TlsSink } from "../../lib/tls/session.ts";
import { expectSameBytes, pattern } from "../support/engines.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_OPENSSL, NO_TLS } from "./certificates.ts";
import { writeFileSync } from "node:fs";

const certificates = NO_OPENSSL === undefined ? new Certificates() : undefined;
afterAll(() => certificates?.[Symbol.dispose]());

/** A sink that records each call, and keeps what is to be sent. */
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
function carryBetween(ends: readonly [End, End], cut = 65536): void {
  const [a, b] = ends;
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const bytes = Buffer.concat(from.wire.splice(0));
      for (let at = 0; at < bytes.length; at += cut) {
        to.session.receive(bytes.subarray(at, at + cut));
        moved = true;
      }
    }
  }
}

interface Pair {
  readonly client: End;
  readonly server: End;
  readonly endpoints: readonly [client: TlsEndpoint, server: TlsEndpoint];
  carry(cut?: number): void;
}

interface PairOptions {
  readonly names?: string;
  readonly days?: number;
  readonly serverName?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly alpn?: readonly string[];
}

const it = (what: string, body: () => void) => itUnless(NO_TLS, `a TLS session ${what}`, body);

function withPair(use: (pair: Pair) => void, options: PairOptions = {}): void {
  const { serverName = "localhost", insecure = false, alpn = [] } = options;
  const { cert, key } = certificates!.identity(options);
  const ca = readAuthorities(options.ca ?? certificates!.ca);
  const endpoints = [
    tlsClient({ insecure, alpn, ...(insecure ? {} : { ca }) }),
    tlsServer(readIdentity(cert, key)),
  ] as const;
  try {
    const ends = [new End(endpoints[0], serverName), new End(endpoints[1])] as const;
    for (const end of ends) end.session.start();
    const [client, server] = ends;
    use({ client, server, endpoints, carry: (cut) => carryBetween(ends, cut) });
    for (const end of ends) end.session.free();
  } finally {
    for (const endpoint of endpoints) endpoint.free();
  }
}

describe("TLS sessions", () => {
  it("agrees, and carries bytes both ways", () =>
    withPair(({ client, server, carry }) => {
      carry();
      expect(client.said).toEqual(["secured"]);
      expect(server.said).toEqual(["secured"]);
      const there = pattern(1 << 20, 1);
      const back = pattern(200_001, 2);
      client.session.send(there);
      server.session.send(back);
      carry();
      expectSameBytes(server.received(), there);
      expectSameBytes(client.received(), back);
    }));

  it("takes ciphertext in pieces of any size", () =>
    withPair(({ client, server, carry }) => {
      carry(7);
      const there = pattern(50_000, 3);
      client.session.send(there);
      carry(101);
      expectSameBytes(server.received(), there);
    }));

  it("ends each direction by itself", () =>
    withPair(({ client, server, carry }) => {
      carry();
      client.session.send(pattern(10));
      client.session.end();
      carry();
      expect(server.said).toEqual(["secured", "ended"]);
      expect(server.received().length).toBe(10);
      server.session.send(pattern(300_000, 4));
      server.session.end();
      carry();
      expectSameBytes(client.received(), pattern(300_000, 4));
      expect(client.said).toEqual(["secured", "sent", "ended"]);
      expect(server.said).toEqual(["secured", "ended", "sent"]);
    }));

  it("knows the server by its IP address", () =>
    withPair(({ client, carry }) => {
      carry();
      expect(client.said).toEqual(["secured"]);
    }, { serverName: "127.0.0.1" }));

  const bad: [string, Parameters<typeof withPair>[1], RegExp][] = [
    [
      "of another name",
      { serverName: "example.org" },
      /\(it is for localhost and 127\.0\.0\.1, not for example\.org\)$/,
    ],
    [
      "of another address",
      { serverName: "127.0.0.2" },
      /\(it is for localhost and 127\.0\.0\.1, not for 127\.0\.0\.2\)$/,
    ],
    ["that has expired", { days: -1 }, /expired/],
  ];
  for (const [what, options, reason] of bad) {
    it(`refuses a certificate ${what}`, () =>
      withPair(({ client, server, carry }) => {
        carry();
        expect(client.said).toEqual(["failed TLS_CERTIFICATE"]);
        expect(client.error!.message).toMatch(reason);
        expect(server.said.includes("ended")).toBe(false);
      }, options));
    it(`takes a certificate ${what} when it is not to look`, () =>
      withPair(({ client, carry }) => {
        carry();
        expect(client.said).toEqual(["secured"]);
      }, { ...options, insecure: true }));
  }

  it("fails when the peer speaks something else", () =>
    withPair(({ client, server }) => {
      server.session.receive(
        new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      );
      client.session.receive(
        new TextEncoder().encode("220 mail.example.org ready\r\n".repeat(9)),
      );
      expect(server.said).toEqual(["failed TLS_HANDSHAKE"]);
      expect(client.said).toEqual(["failed TLS_HANDSHAKE"]);
    }));

  it("fails on a changed byte", () =>
    withPair(({ client, server, carry }) => {
      carry();
      client.session.send(pattern(100));
      client.wire.at(-1)![50]! ^= 1;
      carry();
      expect(server.said).toEqual(["secured", "failed TLS_PROTOCOL"]);
      expect(server.received().length).toBe(0);
    }));

  // All sessions of an endpoint share their buffers: none may leave anything behind.
  it("breaks alone, whatever it is given", () =>
    withPair(({ client, server, endpoints, carry }) => {
      carry();
      const random = (limit: number) => Math.floor(Math.random() * limit);
      for (let i = 0; i < 300; i++) {
        const own = [new End(endpoints[0], "localhost"), new End(endpoints[1])] as const;
        for (const end of own) end.session.start();
        if (random(2) === 0) carryBetween(own);
        const noise = pattern(5 + random(70_000), i);
        if (random(2) === 0) noise.set([22 + random(2), 3, 3, random(2), random(256)]);
        for (const end of own) end.session.receive(noise);
        for (const end of own) end.session.receive(noise);
        for (const end of own) end.session.free();
        const sent = pattern(1 + random(5000), i);
        client.session.send(sent);
        carry();
        expectSameBytes(server.received(), sent);
        server.got.length = 0;
      }
    }));

  it("takes a certificate for the address without its zone, and for the name without its dot", () => {
    const names = "IP:fe80::1,DNS:a.example";
    for (const serverName of ["fe80::1%eth0", "a.example."]) {
      withPair(({ client, carry }) => {
        carry();
        expect(client.said).toEqual(["secured"]);
      }, { names, serverName });
    }
  });

  it("expects no name that begins with a dot: OpenSSL would take it for all names below", () => {
    const names = "DNS:www.example.org";
    for (const serverName of [".example.org", "..", "."]) {
      expect(() => withPair(({ carry }) => carry(), { names, serverName })).toThrow(
        "is no name to look for in it",
      );
    }
  });

  it("refuses a certificate for another address than that with the zone", () =>
    withPair(({ client, carry }) => {
      carry();
      expect(client.said).toEqual(["failed TLS_CERTIFICATE"]);
      expect(client.error!.reason).toBe("it is for fe80::2, not for fe80::1");
    }, { names: "IP:fe80::2", serverName: "fe80::1%eth0" }));

  // SSL_set1_host(3ssl): an empty name switches the check off. A C string ends at a NUL.
  for (const serverName of ["", ".", "localhost\0.example", "a".repeat(70_000)]) {
    const shown = JSON.stringify(serverName.slice(0, 20));
    it(`is not begun with ${shown} as the name to look for`, () => {
      let error: unknown;
      try {
        withPair(() => {}, { serverName });
      } catch (thrown) {
        error = thrown;
      }
      expect((error as TlsError).code).toBe("TLS_CERTIFICATE");
    });
  }

  it("is not begun without a name to look for, where certificates are checked", () => {
    const endpoint = tlsClient({ insecure: false, ca: readAuthorities(certificates!.ca) });
    expect(() => new End(endpoint)).toThrow("TLS_CERTIFICATE");
    endpoint.free();
  });

  it("knows version, cipher, the protocol of ALPN, and whom the certificate is for", () =>
    withPair(({ client, server, carry }) => {
      carry();
      const { certificate, ...agreed } = client.session.info;
      expect(agreed.version).toBe("TLSv1.3");
      expect(agreed.cipher).toMatch(/^TLS_[A-Z0-9_]+$/);
      expect(agreed.alpn).toBe(null); // serve chooses none
      expect(certificate!.names).toEqual(["localhost", "127.0.0.1"]);
      expect(certificate!.subject).toContain("Test server");
      expect(certificate!.issuer).toContain("Test authority");
      expect(certificate!.expires.getTime()).toBeGreaterThan(Date.now());
      expect(server.session.info.certificate).toBe(null);
    }, { alpn: ["h2", "http/1.1"] }));

  it("refuses to offer a protocol whose name is too long", () => {
    expect(() => tlsClient({ insecure: true, alpn: ["x".repeat(256)] })).toThrow(TlsConfigError);
  });

  it("says what is wrong with a file", () => {
    const { cert, key } = certificates!.identity();
    const garbage = certificates!.file("garbage.pem");
    writeFileSync(garbage, "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n");
    const cases: [() => unknown, RegExp][] = [
      [
        () => readIdentity("/nonexistent.pem", key),
        /Cannot read the certificate \/nonexistent\.pem: ENOENT/,
      ],
      [() => readIdentity(cert, cert), /Cannot use the key .*there is none in it/],
      [() => tlsServer(readIdentity(garbage, key)), /Cannot use the certificate .*garbage\.pem/],
      [() => tlsServer(readIdentity(cert, certificates!.identity().key)), /Cannot use .*key/],
      [() => readAuthorities(key), /Cannot use the authorities .*there is none/],
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
