// Certificates for tests, made by the openssl command in a folder that vanishes with the test.
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { openSsl } from "../../lib/sys/openssl.ts";
import { TempDir } from "../support/files.ts";

/** Why nothing can be made; undefined where it can. */
export const NO_OPENSSL: string | undefined =
  spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0
    ? undefined
    : "there is no openssl command to make certificates with";

/** Why no TLS can be tried: there is nothing to make certificates with, or nothing that speaks it. */
export const NO_TLS: string | undefined = NO_OPENSSL ??
  (openSsl() ? undefined : "OpenSSL 3 can't be loaded");

const openssl = (args: string[]): void =>
  void execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });

/** Two files: a certificate and its key. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is for and how long it holds. */
export interface IdentityOptions {
  /** subjectAltName; default localhost and 127.0.0.1. */
  readonly names?: string;
  /** Days from now; negative: it has expired. */
  readonly days?: number;
}

/** An authority and what it has signed. */
export class Certificates implements Disposable {
  readonly #dir = new TempDir();
  /** The authority's certificate, to be trusted. */
  readonly ca: string = this.#dir.file("ca.pem");
  #made = 0;

  constructor() {
    openssl([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", this.#dir.file("ca.key"), "-out", this.ca, "-days", "30"],
      ...["-subj", "/CN=Test authority"],
    ]);
  }

  /** A folder's file, for a test's own purposes. */
  file(name: string): string {
    return this.#dir.file(name);
  }

  /** A certificate that the authority has signed. */
  identity({ names = "DNS:localhost,IP:127.0.0.1", days = 30 }: IdentityOptions = {}): Identity {
    const base = this.#dir.file(`server${this.#made++}`);
    const made = { cert: `${base}.pem`, key: `${base}.key` };
    openssl([
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", made.key, "-out", `${base}.csr`, "-subj", "/CN=Test server"],
    ]);
    writeFileSync(`${base}.ext`, `subjectAltName=${names}\n`);
    openssl([
      ...["x509", "-req", "-in", `${base}.csr`, "-CA", this.ca],
      ...["-CAkey", this.#dir.file("ca.key"), "-CAcreateserial", "-out", made.cert],
      ...["-days", String(days), "-extfile", `${base}.ext`],
    ]);
    return made;
  }

  /** A certificate that only itself vouches for. */
  selfSigned(): Identity {
    const base = this.#dir.file(`self${this.#made++}`);
    const made = { cert: `${base}.pem`, key: `${base}.key` };
    openssl([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", made.key, "-out", made.cert, "-days", "30", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ]);
    return made;
  }

  /** The same key behind a password. */
  encrypted(key: string): string {
    openssl(["pkey", "-in", key, "-out", `${key}.locked`, "-aes256", "-passout", "pass:secret"]);
    return `${key}.locked`;
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}
