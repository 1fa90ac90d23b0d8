/**
 * OpenSSL 3, where the system has it: libssl and libcrypto, bound once per thread when first asked for.
 *
 * The names are those of the manual pages in sections 3ssl and 3. `long` and `size_t` travel as "size":
 * every such value here fits in 31 bits, and lies in a register.
 */
import { basename, isAbsolute } from "node:path";
import { addressOf, type Functions, Native, open, type Pointer, stringAt } from "./ffi.ts";
import { on } from "./system.ts";

const SSL = {
  TLS_method: { args: [], result: "pointer" },
  SSL_CTX_new: { args: ["pointer"], result: "pointer" },
  SSL_CTX_free: { args: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { args: ["pointer", "i32", "size", "buffer"], result: "size" },
  SSL_CTX_ctrlPointer: {
    args: ["pointer", "i32", "size", "pointer"],
    result: "size",
    symbol: "SSL_CTX_ctrl",
  },
  SSL_CTX_set_options: { args: ["pointer", "u64"], result: "u64" },
  SSL_CTX_use_certificate: { args: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_use_PrivateKey: { args: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_check_private_key: { args: ["pointer"], result: "i32" },
  SSL_CTX_get_cert_store: { args: ["pointer"], result: "pointer" },
  SSL_CTX_set_alpn_protos: { args: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_CTX_set_verify: { args: ["pointer", "i32", "buffer"], result: "void" }, // mode, callback
  SSL_CTX_set_default_verify_paths: { args: ["pointer"], result: "i32" },
  SSL_new: { args: ["pointer"], result: "pointer" },
  SSL_free: { args: ["pointer"], result: "void" },
  SSL_set_bio: { args: ["pointer", "pointer", "pointer"], result: "void" }, // ssl, read, write
  SSL_set_accept_state: { args: ["pointer"], result: "void" },
  SSL_set_connect_state: { args: ["pointer"], result: "void" },
  SSL_ctrl: { args: ["pointer", "i32", "size", "buffer"], result: "size" },
  SSL_set1_host: { args: ["pointer", "buffer"], result: "i32" },
  SSL_set_hostflags: { args: ["pointer", "i32"], result: "void" },
  SSL_get0_param: { args: ["pointer"], result: "pointer" },
  SSL_get_verify_result: { args: ["pointer"], result: "size" },
  SSL_get_peer_cert_chain: { args: ["pointer"], result: "pointer" }, // STACK_OF(X509), not owned
  SSL_get0_alpn_selected: { args: ["pointer", "pointer", "pointer"], result: "void" },
  SSL_get_version: { args: ["pointer"], result: "pointer" },
  SSL_get_current_cipher: { args: ["pointer"], result: "pointer" },
  SSL_CIPHER_get_name: { args: ["pointer"], result: "pointer" },
  SSL_do_handshake: { args: ["pointer"], result: "i32" },
  SSL_read: { args: ["pointer", "pointer", "i32"], result: "i32" }, // ssl, buffer, length
  SSL_readBytes: { args: ["pointer", "buffer", "i32"], result: "i32", symbol: "SSL_read" },
  SSL_write: { args: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_shutdown: { args: ["pointer"], result: "i32" },
  SSL_get_error: { args: ["pointer", "i32"], result: "i32" },
} as const;

/** A reader of PEM: bio, where to put it, a callback for the password, its argument. */
const PEM_READ = { args: ["pointer", "buffer", "buffer", "pointer"], result: "pointer" } as const;

const CRYPTO = {
  BIO_s_mem: { args: [], result: "pointer" },
  BIO_new: { args: ["pointer"], result: "pointer" },
  BIO_free: { args: ["pointer"], result: "i32" },
  BIO_up_ref: { args: ["pointer"], result: "i32" },
  BIO_read: { args: ["pointer", "pointer", "i32"], result: "i32" },
  BIO_write: { args: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_ctrl: { args: ["pointer", "i32", "size", "buffer"], result: "size" },
  BIO_ctrl_pending: { args: ["pointer"], result: "size" },
  ERR_get_error: { args: [], result: "u64" },
  ERR_clear_error: { args: [], result: "void" },
  ERR_error_string_n: { args: ["u64", "pointer", "size"], result: "void" },
  EVP_PKEY_free: { args: ["pointer"], result: "void" },
  OPENSSL_sk_num: { args: ["pointer"], result: "i32" },
  OPENSSL_sk_value: { args: ["pointer", "i32"], result: "pointer" },
  PEM_read_bio_PrivateKey: PEM_READ,
  PEM_read_bio_X509_AUX: PEM_READ,
  PEM_write_bio_X509: { args: ["pointer", "pointer"], result: "i32" },
  X509_free: { args: ["pointer"], result: "void" },
  X509_STORE_add_cert: { args: ["pointer", "pointer"], result: "i32" },
  X509_VERIFY_PARAM_set1_ip_asc: { args: ["pointer", "buffer"], result: "i32" },
  X509_verify_cert_error_string: { args: ["size"], result: "pointer" },
} as const;

export type OpenSsl = Functions<typeof SSL & typeof CRYPTO>;

/** Names of libcrypto and libssl, which must be two of one build. */
type Names = readonly [crypto: string, ssl: string];

const inFolder = (folder: string, [crypto, ssl]: Names, separator = "/"): Names => [
  folder + separator + crypto,
  folder + separator + ssl,
];

/** Homebrew's places on both kinds of Mac, and MacPorts'. macOS itself ships none. */
function onDarwin(): Names[] {
  const own = process.env.HOMEBREW_PREFIX;
  const brews = [...(own ? [own] : []), "/opt/homebrew", "/usr/local"];
  const folders = [...brews.flatMap((brew) => [`${brew}/opt/openssl@3/lib`, `${brew}/lib`])];
  const names: Names = ["libcrypto.3.dylib", "libssl.3.dylib"];
  return [...folders, "/opt/local/lib", "/opt/local/libexec/openssl3/lib"]
    .map((folder) => inFolder(folder, names));
}

/** What an installer has put on PATH, then Git for Windows, which most machines of developers have. */
function onWindows(): Names[] {
  const arm = process.arch === "arm64";
  const suffix = arm ? "arm64" : "x64";
  const names: Names = [`libcrypto-3-${suffix}.dll`, `libssl-3-${suffix}.dll`];
  const { ProgramFiles = "C:\\Program Files", LOCALAPPDATA: local, PATH = "" } = process.env;
  const git = [ProgramFiles, ...(local ? [`${local}\\Programs`] : [])]
    .map((base) => `${base}\\Git\\${arm ? "clangarm64" : "mingw64"}\\bin`);
  return [...PATH.split(";").filter(isAbsolute), ...git]
    .map((folder) => inFolder(folder, names, "\\"));
}

const UNIX: Names = ["libcrypto.so.3", "libssl.so.3"];

/** The base system's, then that of the ports. */
const ON_FREEBSD: readonly Names[] = [
  ["/lib/libcrypto.so.30", "/usr/lib/libssl.so.30"],
  inFolder("/usr/local/lib", UNIX),
];

/** By path, so that none comes from the current folder; on Linux the dynamic linker knows the folders. */
const candidates = (): readonly Names[] =>
  on(() => [UNIX], onDarwin, () => ON_FREEBSD, onWindows)();

let loaded: OpenSsl | undefined | null = null;

function load(): OpenSsl | undefined {
  for (const [crypto, ssl] of candidates()) {
    try {
      // libssl finds a libcrypto that is loaded already; in a folder of its own it would not (Windows).
      const functions = open([crypto], CRYPTO);
      return { ...functions, ...open([ssl], SSL) } as OpenSsl;
    } catch {
      // It may be in the next place.
    }
  }
}

/** OpenSSL 3; undefined where it can't be loaded. */
export function openSsl(): OpenSsl | undefined {
  if (loaded === null) loaded = load();
  return loaded;
}

/** The name of the library that `openSsl` looks for first. */
export const sslName = (): string => basename(candidates()[0]![1]);

const reason = new Native(256);

/** What the thread's queue of errors says of the first one, and empties it: "wrong version number". */
export function takeReason(ssl: OpenSsl): string {
  const code = ssl.ERR_get_error();
  ssl.ERR_clear_error();
  if (code === 0n) return "";
  ssl.ERR_error_string_n(code, reason.pointer, reason.length);
  // error:0A00010B:SSL routines::wrong version number
  const text = new TextDecoder().decode(reason.bytes.slice(0, reason.bytes.indexOf(0)));
  return text.split(":").slice(4).join(":") || text;
}

/** A C string at an address that OpenSSL owns; null for none. */
export const textAt = (address: Pointer): string | null =>
  addressOf(address) === 0 ? null : stringAt(address);

/** The words for a result of verification (X509_V_ERR_...): "certificate has expired". */
export const verifyText = (ssl: OpenSsl, result: number): string =>
  textAt(ssl.X509_verify_cert_error_string(result)) ?? `error ${result}`;

/** A pointer that must not be null. */
export function made(ssl: OpenSsl, pointer: Pointer, call: string): Pointer {
  if (addressOf(pointer) !== 0) return pointer;
  throw failed(ssl, call);
}

/** The result of a call on which security rests: 1, or else nothing may go on. */
export function expect(ssl: OpenSsl, result: number, call: string): void {
  if (result !== 1) throw failed(ssl, call);
}

const failed = (ssl: OpenSsl, call: string) =>
  new Error(`Cannot use TLS: ${call} failed (${takeReason(ssl) || "out of memory"})`);
