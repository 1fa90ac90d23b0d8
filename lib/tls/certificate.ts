/** The certificate that a peer has shown, in words. */
import { X509Certificate } from "node:crypto";
import { addressOf, Native, type Pointer, pointerOf, viewAt } from "../sys/ffi.ts";
import type { OpenSsl } from "../sys/openssl.ts";

export interface PeerCertificate {
  /** "CN=example.org". */
  readonly subject: string;
  readonly issuer: string;
  /** Names and IP addresses that it is for. */
  readonly names: readonly string[];
  readonly expires: Date;
}

/** Names listed in a message at most. */
const LISTED = 5;

/** What the peer has shown; also after it was refused. Null for nothing. */
export function certificateOf(ssl: OpenSsl, handle: Pointer): PeerCertificate | null {
  const chain = ssl.SSL_get_peer_cert_chain(handle);
  if (addressOf(chain) === 0 || ssl.OPENSSL_sk_num(chain) < 1) return null;
  const bio = ssl.BIO_new(ssl.BIO_s_mem());
  if (addressOf(bio) === 0) return null;
  try {
    ssl.PEM_write_bio_X509(bio, ssl.OPENSSL_sk_value(chain, 0));
    const pem = new Native(ssl.BIO_ctrl_pending(bio));
    const length = ssl.BIO_read(bio, pem.pointer, pem.length);
    const read = new X509Certificate(pem.bytes.subarray(0, Math.max(0, length)));
    return {
      subject: read.subject ?? "",
      issuer: read.issuer ?? "",
      names: (read.subjectAltName ?? "").split(", ").flatMap((entry) => {
        const [, kind, name] = /^(DNS|IP Address):(.*)$/.exec(entry) ?? [];
        return name === undefined ? [] : [kind === "DNS" ? name : shorten(name)];
      }),
      expires: new Date(read.validTo),
    };
  } catch {
    return null; // one that OpenSSL can read and the runtime can't
  } finally {
    ssl.BIO_free(bio);
  }
}

/** "fe80::2" for the FE80:0:0:0:0:0:0:2 of certificates. */
const shorten = (address: string): string =>
  address.includes(":") ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;

/** What a certificate is for, in a sentence: "a.example and b.example". */
export function namesOf({ names, subject }: PeerCertificate): string {
  if (names.length === 0) return subject ? `"${subject.replaceAll("\n", ", ")}" only` : "no name";
  const shown = names.slice(0, LISTED);
  const more = names.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  const last = shown.pop()!;
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

/** The protocol that was chosen (SSL_get0_alpn_selected(3ssl)), or null. */
export function selectedProtocol(ssl: OpenSsl, handle: Pointer): string | null {
  const address = new Native(8);
  const length = new Native(8);
  ssl.SSL_get0_alpn_selected(handle, address.pointer, length.pointer);
  const bytes = length.int32[0]!;
  if (bytes === 0) return null;
  const at = pointerOf(Number(address.view.getBigUint64(0, true)));
  return new TextDecoder().decode(new Uint8Array(viewAt(at, bytes)).slice());
}
