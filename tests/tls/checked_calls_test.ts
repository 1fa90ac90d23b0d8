// Calls that say what a peer must be: when one fails, no byte goes out.
import { afterEach, describe, expect } from "bun:test";
import { type OpenSsl, openSsl } from "../../lib/sys/openssl.ts";
import { readAuthorities, readIdentity } from "../../lib/tls/credentials.ts";
import { tlsClient, tlsServer } from "../../lib/tls/endpoint.ts";
import type { TlsSink } from "../../lib/tls/session.ts";
import { itUnless } from "../support/systems.ts";
import { Certificates, NO_TLS } from "./certificates.ts";

const calls = NO_TLS === undefined ? { ...openSsl()! } : undefined;
afterEach(() => void Object.assign(openSsl() ?? {}, calls));

/** From now on the call fails. */
const fails = (name: keyof OpenSsl, result: number | bigint = 0) =>
  Object.assign(openSsl()!, { [name]: () => result });

const silent = (sent: Uint8Array[]): TlsSink => ({
  ciphertext: (bytes) => void sent.push(bytes),
  secured: () => expect("secured").toBe("not called"),
  plaintext: () => {},
  ended: () => {},
  sent: () => {},
  failed: () => {},
});

describe("a failing call of OpenSSL", () => {
  const expectations = [
    ["X509_VERIFY_PARAM_set1_ip_asc", "127.0.0.1"],
    ["SSL_set1_host", "localhost"],
    ["SSL_ctrl", "localhost"], // SNI
  ] as const;
  for (const [name, host] of expectations) {
    itUnless(NO_TLS, `${name}: the session is not begun`, () => {
      using certificates = new Certificates();
      const endpoint = tlsClient({ insecure: false, ca: readAuthorities(certificates.ca) });
      fails(name);
      const sent: Uint8Array[] = [];
      expect(() => endpoint.session(silent(sent), host)).toThrow(
        new RegExp(`^Cannot trust the peer's certificate: TLS_CERTIFICATE .*${host}`),
      );
      expect(sent).toEqual([]);
      endpoint.free();
    });
  }

  const settings = [
    "SSL_CTX_ctrl",
    "SSL_CTX_set_default_verify_paths",
    "SSL_CTX_check_private_key",
  ];
  for (const name of [...settings, "SSL_CTX_use_certificate", "X509_STORE_add_cert"] as const) {
    itUnless(NO_TLS, `${name}: there is no endpoint`, () => {
      using certificates = new Certificates();
      const { cert, key } = certificates.identity();
      const ca = readAuthorities(certificates.ca);
      fails(name as keyof OpenSsl);
      expect(() => {
        tlsClient({ insecure: false });
        tlsClient({ insecure: false, ca });
        tlsServer(readIdentity(cert, key));
      }).toThrow(/^Cannot use /);
    });
  }

  itUnless(
    NO_TLS,
    "SSL_CTX_set_alpn_protos, which returns 0 for success: there is no endpoint",
    () => {
      fails("SSL_CTX_set_alpn_protos", 1);
      expect(() => tlsClient({ insecure: true, alpn: ["h2"] })).toThrow(
        /^Cannot use TLS: SSL_CTX_set_al/,
      );
    },
  );
});
