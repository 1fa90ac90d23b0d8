/**
 * Ends each direction of a TLS 1.3 connection by itself, around a node:tls that can't (Bun 1.4).
 *
 * Bun's ends both ways with the first close_notify, whoever says it: what is sent after the peer's is
 * dropped, and so is what comes after its own. So it is never shown either of them. Traffic goes through
 * here, the peer's close_notify is recognised and kept back, and our own is made here. The secrets for
 * that come from the "keylog" event. For ChaCha20-Poly1305 Bun has no function: with it all goes through
 * as it is.
 *
 * TLS 1.2 has other keys, but there an alert can be seen to be one. A server's is kept back until our side
 * ends as well (`release`). Forged, it would end a request early, and be found out only then; so a client,
 * which reports what it got as complete, does not do that.
 */
import { canFollow, RecordKeys } from "./record_keys.ts";
import { Records } from "./records.ts";

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const SERVER_HELLO = 2;
/** Record and message headers, version, random. */
const SESSION_ID_AT = 5 + 4 + 2 + 32;
/** RFC 8446, B.4. */
const SUITES: Readonly<Record<number, string>> = {
  0x1301: "TLS_AES_128_GCM_SHA256",
  0x1302: "TLS_AES_256_GCM_SHA384",
  0x1303: "TLS_CHACHA20_POLY1305_SHA256",
};
const SECRET = /^(CLIENT|SERVER)_TRAFFIC_SECRET_0 \S+ ([0-9a-f]+)\s*$/i;
/** Level and description, in the clear. */
const PLAIN_ALERT = 5 + 2;
/** A client is told the secrets after the server's first records: so many are kept to be counted. */
const MAX_KEPT = 256;

/** Who gets what has passed. */
export interface HalfCloseEvents {
  /** For node:tls. */
  received(ciphertext: Uint8Array): void;
  /** For the peer. */
  send(ciphertext: Uint8Array): void;
  /** The peer's close_notify, after all that was `received`. */
  ended(): void;
}

/** One direction: its records until there are keys, and then the keys. */
class Direction {
  #keys: RecordKeys | undefined;
  #kept: Uint8Array[] = [];
  #secret: Uint8Array | undefined;

  /** True for close_notify, once there are keys. */
  follow(record: Uint8Array): boolean {
    if (this.#keys) return this.#keys.follow(record);
    // With TLS 1.2 no keys will come, and nothing is counted.
    if (record[0] === APPLICATION_DATA && this.#kept.length < MAX_KEPT) this.#kept.push(record);
    return false;
  }
  set secret(secret: Uint8Array) {
    this.#secret ??= secret;
  }
  /** Makes the keys when there is all for it; what has passed is counted. */
  arm(suite: string | undefined): void {
    if (this.#keys || !this.#secret || suite === undefined || this.#kept.length >= MAX_KEPT) return;
    this.#keys = new RecordKeys(suite, this.#secret);
    for (const record of this.#kept) this.#keys.follow(record);
    this.#kept = [];
  }
  get keys(): RecordKeys | undefined {
    return this.#keys;
  }
}

/** The traffic of one session. */
export class HalfClose {
  readonly #events: HalfCloseEvents;
  readonly #in = new Direction();
  readonly #out = new Direction();
  readonly #server: boolean;
  readonly #inRecords: Records;
  readonly #outRecords: Records;
  #suite: string | undefined;
  #peerEnded = false;
  #ended = false;
  /** The peer encrypts. */
  #encrypted = false;
  #withheld: Uint8Array | undefined;

  /** For one end; `server` tells which. */
  constructor(server: boolean, events: HalfCloseEvents) {
    this.#server = server;
    this.#events = events;
    this.#inRecords = new Records((record) => this.#received(record));
    this.#outRecords = new Records((record) => this.#sent(record));
  }

  /** The connection can be half-closed: it is TLS 1.3, and its secrets are known. */
  get possible(): boolean {
    return this.#in.keys !== undefined && this.#out.keys !== undefined;
  }

  /** From the peer. */
  receive(ciphertext: Uint8Array): void {
    this.#inRecords.push(ciphertext);
  }
  /** From node:tls. */
  send(ciphertext: Uint8Array): void {
    this.#outRecords.push(ciphertext);
  }

  /** A line of the key log. */
  keyLog(line: string): void {
    const [, who, hex] = SECRET.exec(line) ?? [];
    if (hex === undefined) return;
    const direction = (who === "SERVER") === this.#server ? this.#out : this.#in;
    direction.secret = Buffer.from(hex, "hex");
    this.#arm();
  }

  /** Something was kept back that only node:tls can answer. */
  get isWithholding(): boolean {
    return this.#withheld !== undefined;
  }
  /** Shows it to node:tls, which then ends both ways. */
  release(): void {
    if (this.#withheld) this.#events.received(this.#withheld);
    this.#withheld = undefined;
  }

  /** Says close_notify. Nothing that node:tls says after it goes out. */
  end(): void {
    const { keys } = this.#out;
    if (!keys || this.#ended) return;
    this.#ended = true;
    this.#events.send(keys.closeNotify());
  }

  #received(record: Uint8Array): void {
    if (this.#peerEnded) return; // RFC 8446, 6.1: what comes after it is ignored
    if (!this.#server) this.#look(record);
    if (record[0] === CHANGE_CIPHER_SPEC) this.#encrypted = true;
    this.#peerEnded = this.#in.follow(record) || this.#withhold(record);
    if (this.#peerEnded) this.#events.ended();
    else this.#events.received(record);
  }
  #withhold(record: Uint8Array): boolean {
    const isAlert = record[0] === ALERT && record.length > PLAIN_ALERT;
    if (!isAlert || !this.#encrypted || !this.#server || this.possible) return false;
    this.#withheld = record;
    return true;
  }
  #sent(record: Uint8Array): void {
    if (this.#ended) return;
    if (this.#server) this.#look(record);
    this.#out.follow(record);
    this.#events.send(record);
  }
  /** ServerHello tells which suite it will be. */
  #look(record: Uint8Array): void {
    if (this.possible || record[0] !== HANDSHAKE || record[5] !== SERVER_HELLO) return;
    const at = SESSION_ID_AT + 1 + (record[SESSION_ID_AT] ?? 0);
    const code = (record[at] ?? 0) << 8 | (record[at + 1] ?? 0);
    const suite = SUITES[code];
    if (suite === undefined || !canFollow(suite)) return;
    this.#suite = suite;
    this.#arm();
  }
  #arm(): void {
    for (const direction of [this.#in, this.#out]) direction.arm(this.#suite);
  }
}
