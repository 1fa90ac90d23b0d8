/**
 * One direction of a TLS 1.3 connection, from its traffic secret: which record says close_notify, and how
 * to say it (RFC 8446, 5.2, 6.1 and 7). For a node:tls that can't end one direction alone.
 *
 * All records that pass must be shown to `follow`, in order: their keys' nonce is their number. Those
 * before the first one under this secret (of the handshake) are not counted, as they can't be opened.
 */
import type { Buffer as NodeBuffer } from "node:buffer";
import type { CipherGCMTypes } from "node:crypto";

const HEADER = 5;
const TAG = 16;
const NONCE = 12;
/** The types of records, and of what is in them. */
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const KEY_UPDATE = 24;
/** Longer ones are neither an alert nor a key update; only a peer that pads would make such. */
const SHORT = HEADER + 64;
/** Level "warning", close_notify. */
const CLOSE_NOTIFY = [1, 0];

/** How node:crypto calls them; ChaCha20-Poly1305 is called like the others, and is no GCM. */
const AEADS: Readonly<
  Record<string, { readonly name: CipherGCMTypes; readonly keyBytes: number }>
> = {
  TLS_AES_128_GCM_SHA256: { name: "aes-128-gcm", keyBytes: 16 },
  TLS_AES_256_GCM_SHA384: { name: "aes-256-gcm", keyBytes: 32 },
  TLS_CHACHA20_POLY1305_SHA256: { name: "chacha20-poly1305" as CipherGCMTypes, keyBytes: 32 },
};

const crypto = () => process.getBuiltinModule("node:crypto");

/** False for what this runtime's node:crypto lacks: ChaCha20-Poly1305 on Bun. */
export const canFollow = (suite: string): boolean => {
  const aead = AEADS[suite];
  return aead !== undefined && crypto().getCiphers().includes(aead.name);
};

/** The keys of one direction. */
export class RecordKeys {
  readonly #suite: string;
  #secret: Uint8Array;
  #key!: NodeBuffer;
  #iv!: NodeBuffer;
  #sequence = 0;
  /** The first record under this secret has passed. */
  #begun = false;

  /** The first keys of a secret. `suite` is one that `canFollow`. */
  constructor(suite: string, secret: Uint8Array) {
    this.#suite = suite;
    this.#secret = secret;
    this.#derive();
  }

  /** Takes note of a whole record; true when it is close_notify, as only who has the keys can say it. */
  follow(record: Uint8Array): boolean {
    if (record[0] !== APPLICATION_DATA) return false;
    if (this.#begun && record.length > SHORT) {
      this.#sequence++;
      return false;
    }
    const content = this.#open(record);
    if (content === undefined) {
      if (this.#begun) this.#sequence++; // changed on its way: node:tls will say so
      return false;
    }
    this.#begun = true;
    this.#sequence++;
    const type = content.findLast((byte) => byte !== 0); // zeros behind it are padding
    if (type === HANDSHAKE && content[0] === KEY_UPDATE) this.#update();
    return type === ALERT && content[1] === CLOSE_NOTIFY[1];
  }

  /** close_notify as the next record. */
  closeNotify(): Uint8Array {
    const content = Uint8Array.of(...CLOSE_NOTIFY, ALERT);
    const header = Uint8Array.of(APPLICATION_DATA, 3, 3, 0, content.length + TAG);
    const { name } = AEADS[this.#suite]!;
    const cipher = crypto().createCipheriv(name, this.#key, this.#nonce(), { authTagLength: TAG });
    cipher.setAAD(header);
    const sealed = [header, cipher.update(content), cipher.final(), cipher.getAuthTag()];
    this.#sequence++;
    return new Uint8Array(Buffer.concat(sealed));
  }

  /** What is in a record, with its type and padding at the end; undefined when other keys made it. */
  #open(record: Uint8Array): Uint8Array | undefined {
    const { name } = AEADS[this.#suite]!;
    const tagAt = record.length - TAG;
    if (tagAt <= HEADER) return undefined;
    const decipher = crypto().createDecipheriv(name, this.#key, this.#nonce(), {
      authTagLength: TAG,
    });
    decipher.setAAD(record.subarray(0, HEADER));
    decipher.setAuthTag(record.subarray(tagAt));
    const content = decipher.update(record.subarray(HEADER, tagAt));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return content;
  }

  /** The vector, with the record's number over its end. */
  #nonce(): Uint8Array {
    const nonce = new Uint8Array(this.#iv);
    const number = new DataView(new ArrayBuffer(8));
    number.setBigUint64(0, BigInt(this.#sequence));
    for (let i = 0; i < 8; i++) nonce[NONCE - 8 + i]! ^= number.getUint8(i);
    return nonce;
  }

  #derive(): void {
    this.#key = this.#expand("key", AEADS[this.#suite]!.keyBytes);
    this.#iv = this.#expand("iv", NONCE);
  }

  #update(): void {
    this.#secret = this.#expand("traffic upd", this.#secret.length);
    this.#sequence = 0;
    this.#derive();
  }

  /** HKDF-Expand-Label with no context. At most one hash long, so one round is enough. */
  #expand(label: string, length: number): NodeBuffer {
    const name = Buffer.from(`tls13 ${label}`);
    const info = [Uint8Array.of(0, length, name.length), name, Uint8Array.of(0, 1)];
    const hash = this.#suite.endsWith("SHA384") ? "sha384" : "sha256";
    const hmac = crypto().createHmac(hash, this.#secret).update(Buffer.concat(info));
    return hmac.digest().subarray(0, length);
  }
}
