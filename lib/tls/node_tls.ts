/**
 * TLS by the runtime's own node:tls over a Duplex, where OpenSSL 3 can't be loaded.
 *
 * It is asynchronous: what a session was given is worked on in later turns of the event loop, and the
 * sink is called then. So the thread must let the event loop turn (`settled`).
 */
import type { Duplex as DuplexStream } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { runtime } from "../sys/ffi.ts";
import { checkFile } from "./files.ts";
import { HalfClose } from "./half_close.ts";
import { handshakeError, TlsConfigError, TlsError } from "./errors.ts";
import {
  isIpAddress,
  type TlsClientOptions,
  type TlsEndpoint,
  type TlsServerOptions,
  type TlsSession,
  type TlsSink,
} from "./session.ts";

const MIN_VERSION = "TLSv1.2";
/** Turns of the event loop without news until nothing is taken to be under way. */
const QUIET_TURNS = 4;

/** The longest close_notify, encrypted. */
const MAX_GOODBYE = 64;
/** How long it may take to come. */
const GOODBYE_MS = 200;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Codes of node:tls that speak of the certificate; the others are those of the handshake. */
const CERTIFICATE = /CERT|ALTNAME|ISSUER|VERIFY|SIGNATURE|SELF_SIGNED|CRL|_CA$/;

type NodeTlsFailure = Error & { code?: string; reason?: string };

class NodeTlsSession implements TlsSession {
  readonly #sink: TlsSink;
  readonly #endpoint: NodeTlsEndpoint;
  readonly #wire: DuplexStream;
  readonly #socket: TLSSocket;
  #secured = false;
  #over = false;
  /** Of what was given to the sink: how many pieces, and the length of the last one. */
  #written = 0;
  #lastLength = 0;
  /** Where node:tls can't end one direction alone. */
  readonly #halves: HalfClose | undefined;

  constructor(endpoint: NodeTlsEndpoint, sink: TlsSink, serverName: string | undefined) {
    const { Duplex } = process.getBuiltinModule("node:stream");
    this.#sink = sink;
    this.#endpoint = endpoint;
    this.#wire = new Duplex({
      allowHalfOpen: true,
      read() {},
      write: (chunk: Uint8Array, _encoding, done) => {
        endpoint.busy();
        this.#written++;
        this.#lastLength = chunk.length;
        if (this.#halves) this.#halves.send(chunk);
        else if (!this.#over) sink.ciphertext(chunk);
        done();
      },
    });
    if (endpoint.bothWays) {
      this.#halves = new HalfClose(endpoint.server, {
        received: (bytes) => void this.#wire.push(bytes.slice()),
        send: (bytes) => this.#over || sink.ciphertext(bytes),
        ended: () => void this.#peerEnded(),
      });
    }
    this.#wire.on("error", () => {}); // the other side says it
    this.#socket = endpoint.socket(this.#wire, serverName);
    this.#socket.on(endpoint.server ? "secure" : "secureConnect", () => this.#opened());
    this.#socket.on("data", (chunk: Uint8Array) => {
      endpoint.busy();
      if (!this.#over) sink.plaintext(chunk);
    });
    this.#socket.on("end", () => {
      endpoint.busy();
      if (!this.#over) sink.ended();
    });
    this.#socket.on("keylog", (line: Uint8Array) => this.#halves?.keyLog(String(line)));
    // A server's socket outside of a tls.Server says most errors by this event only.
    for (const event of ["error", "_tlsError"]) {
      this.#socket.on(event, (error: NodeTlsFailure) => this.#failed(error));
    }
  }

  #opened(): void {
    this.#endpoint.busy();
    if (this.#over) return;
    this.#secured = true;
    this.#sink.secured();
  }

  #failed(error: NodeTlsFailure): void {
    this.#endpoint.busy();
    if (this.#over) return;
    this.#over = true;
    this.#sink.failed(this.#asTlsError(error));
  }

  #asTlsError(error: NodeTlsFailure): TlsError {
    const words = /:SSL routines:[^:]*:([^:\n]*)/.exec(error.message)?.[1] ?? error.message;
    const reason = (error.reason ?? words).replaceAll("_", " ").toLowerCase().split(/[\n;]/)[0]!;
    if (this.#secured) return new TlsError("TLS_PROTOCOL", reason);
    const isCertificate = !this.#endpoint.server && CERTIFICATE.test(error.code ?? "") &&
      !/^ERR_SSL/.test(error.code ?? "");
    return isCertificate ? new TlsError("TLS_CERTIFICATE", reason) : handshakeError(reason);
  }

  /** The peer's close_notify, of which node:tls knows nothing: when it is done with what came before. */
  async #peerEnded(): Promise<void> {
    await this.#endpoint.settled();
    this.#endpoint.busy();
    if (this.#over) return;
    if (this.#secured) this.#sink.ended();
    else this.#halves?.release(); // it speaks of the handshake
  }

  get halfClose(): boolean {
    return this.#halves?.possible ?? true;
  }
  start(): void {
    this.#endpoint.busy();
  }
  receive(ciphertext: Uint8Array): void {
    this.#endpoint.busy();
    if (this.#over) return;
    if (this.#halves) this.#halves.receive(ciphertext);
    else this.#wire.push(ciphertext.slice()); // lent: it is read later
  }
  send(plaintext: Uint8Array): void {
    this.#endpoint.busy();
    if (!this.#over) this.#socket.write(plaintext.slice());
  }
  end(): void {
    this.#endpoint.busy();
    if (this.#over) return;
    if (this.#halves?.possible) return void this.#endOurs(this.#halves);
    if (this.#halves?.isWithholding) return void this.#endBoth(this.#halves);
    this.#socket.end();
    void this.#goodbye();
  }
  /** When all that was sent has been encrypted. */
  async #encrypted(): Promise<void> {
    do await this.#endpoint.settled(); while (!this.#over && this.#socket.writableLength > 0);
    this.#endpoint.busy();
  }
  async #endBoth(halves: HalfClose): Promise<void> {
    await this.#encrypted();
    if (this.#over) return;
    halves.release();
    this.#socket.end();
    await this.#goodbye();
  }
  async #endOurs(halves: HalfClose): Promise<void> {
    await this.#encrypted();
    if (this.#over) return;
    halves.end();
    this.#sink.sent();
  }
  /**
   * When node:tls has said close_notify it does not tell. It is the last thing and a short one, and may
   * take a good many turns (Deno 2.9).
   */
  async #goodbye(): Promise<void> {
    const before = this.#written;
    const deadline = performance.now() + GOODBYE_MS;
    do await this.#endpoint.settled(); while (
      (this.#written === before || this.#lastLength > MAX_GOODBYE) && performance.now() < deadline
    );
    if (!this.#over) this.#sink.sent();
  }
  free(): void {
    this.#over = true;
    this.#socket.destroy();
    this.#wire.destroy();
  }
}

class NodeTlsEndpoint implements TlsEndpoint {
  readonly asynchronous = true;
  /** Bun's node:tls ends both ways with one close_notify, whoever says it (1.4). */
  readonly bothWays: boolean = runtime === "bun";
  readonly server: boolean;
  readonly socket: (wire: DuplexStream, serverName: string | undefined) => TLSSocket;
  /** Counts what happens, to see whether anything still does. */
  #events = 0;

  constructor(
    server: boolean,
    socket: (wire: DuplexStream, serverName: string | undefined) => TLSSocket,
  ) {
    this.server = server;
    this.socket = socket;
  }

  busy(): void {
    this.#events++;
  }
  session(sink: TlsSink, serverName?: string): TlsSession {
    return new NodeTlsSession(this, sink, serverName);
  }
  async settled(): Promise<void> {
    for (let quiet = 0, seen = this.#events; quiet < QUIET_TURNS; quiet++) {
      await turn();
      if (this.#events !== seen) quiet = 0;
      seen = this.#events;
    }
  }
  free(): void {}
}

const tls = () => process.getBuiltinModule("node:tls");

/** What `make` makes; an error says of what nothing could be made. */
function from<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const { message, reason } = error as NodeTlsFailure;
    throw new TlsConfigError(`Cannot use ${what}: ${(reason ?? message).split("\n")[0]}`);
  }
}

/** For accepted connections. @throws TlsConfigError */
export function nodeTlsServer(options: TlsServerOptions): TlsEndpoint {
  const cert = checkFile(
    options.cert,
    "certificate",
    /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/,
  );
  const key = checkFile(options.key, "key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/);
  // Deno's node:tls takes anything here, and fails with the first connection.
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule("node:crypto");
  const certificate = from(`the certificate ${options.cert}`, () => new X509Certificate(cert));
  const privateKey = from(`the key ${options.key}`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TlsConfigError(
      `Cannot use the key ${options.key}: it does not belong to the certificate ${options.cert}`,
    );
  }
  const secureContext = from(
    `the certificate ${options.cert} with the key ${options.key}`,
    (): SecureContext => tls().createSecureContext({ cert, key, minVersion: MIN_VERSION }),
  );
  const { TLSSocket } = tls();
  return new NodeTlsEndpoint(
    true,
    (wire) =>
      // allowHalfOpen is not among the documented options, and all three runtimes take it.
      new TLSSocket(wire, { isServer: true, secureContext, allowHalfOpen: true } as object),
  );
}

/** For connections that we make. @throws TlsConfigError */
export function nodeTlsClient(options: TlsClientOptions): TlsEndpoint {
  const ca = options.ca === undefined
    ? undefined
    : checkFile(options.ca, "authorities", /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/);
  return new NodeTlsEndpoint(false, (socket, serverName = "localhost") =>
    tls().connect({
      socket,
      minVersion: MIN_VERSION,
      rejectUnauthorized: !options.insecure,
      ...(ca === undefined ? {} : { ca }),
      ...(isIpAddress(serverName) ? {} : { servername: serverName }),
      host: serverName,
      allowHalfOpen: true,
    } as object));
}
