/**
 * OpenSSL 3, where the system has it: libssl and libcrypto, bound once per thread when first asked for.
 *
 * The names are those of the manual pages in sections 3ssl and 3. `long` and `size_t` travel as "size":
 * every such value here fits in 31 bits, and lies in a register.
 */
import { addressOf, type Functions, Native, open, type Pointer, viewAt } from "./ffi.ts";
import { LIBC, on, system } from "./system.ts";

const SSL = {
  TLS_method: { args: [], result: "pointer" },
  SSL_CTX_new: { args: ["pointer"], result: "pointer" },
  SSL_CTX_free: { args: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { args: ["pointer", "i32", "size", "buffer"], result: "size" },
  SSL_CTX_set_options: { args: ["pointer", "u64"], result: "u64" },
  SSL_CTX_set_default_passwd_cb_userdata: { args: ["pointer", "pointer"], result: "void" },
  SSL_CTX_use_certificate_chain_file: { args: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_use_PrivateKey_file: { args: ["pointer", "buffer", "i32"], result: "i32" }, // file, type
  SSL_CTX_check_private_key: { args: ["pointer"], result: "i32" },
  SSL_CTX_set_verify: { args: ["pointer", "i32", "buffer"], result: "void" }, // mode, callback
  SSL_CTX_load_verify_locations: { args: ["pointer", "buffer", "buffer"], result: "i32" }, // file, dir
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
  SSL_do_handshake: { args: ["pointer"], result: "i32" },
  SSL_read: { args: ["pointer", "pointer", "i32"], result: "i32" }, // ssl, buffer, length
  SSL_readBytes: { args: ["pointer", "buffer", "i32"], result: "i32", symbol: "SSL_read" },
  SSL_write: { args: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_shutdown: { args: ["pointer"], result: "i32" },
  SSL_get_error: { args: ["pointer", "i32"], result: "i32" },
} as const;

const CRYPTO = {
  OpenSSL_version_num: { args: [], result: "size" },
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
  X509_VERIFY_PARAM_set1_ip_asc: { args: ["pointer", "buffer"], result: "i32" },
  X509_verify_cert_error_string: { args: ["size"], result: "pointer" },
} as const;

/** The functions of both libraries. */
export type OpenSsl = Functions<typeof SSL & typeof CRYPTO>;

/** Where macOS has it if anywhere: Homebrew and MacPorts. Windows: as its installers name it. */
const names = (name: string): readonly string[] =>
  on(
    [`lib${name}.so.3`],
    [
      `/opt/homebrew/opt/openssl@3/lib/lib${name}.3.dylib`,
      `/usr/local/opt/openssl@3/lib/lib${name}.3.dylib`,
      `/opt/local/lib/lib${name}.3.dylib`,
    ],
    [`lib${name}.so.30`, `lib${name}.so.3`],
    [`lib${name}-3-x64.dll`, `lib${name}-3-arm64.dll`, `lib${name}-3.dll`],
  );

const RTLD_NOW = 2;
const RTLD_DEEPBIND = 8;

/**
 * Node's executable exports an OpenSSL of its own, of another version, to which the dynamic linker would
 * bind the calls within libssl. Loaded first with RTLD_DEEPBIND (dlopen(3)), it keeps to itself. Without
 * effect where that does not exist.
 */
function loadApart(): void {
  if (system !== "linux") return;
  for (const library of [LIBC, ["libdl.so.2"]]) {
    try {
      const { dlopen } = open(library, { dlopen: { args: ["buffer", "i32"], result: "pointer" } });
      dlopen(cText(names("ssl")[0]!), RTLD_NOW | RTLD_DEEPBIND);
      return;
    } catch {
      // Before glibc 2.34 it is in the other library.
    }
  }
}

let loaded: OpenSsl | Error | undefined;

function load(): OpenSsl {
  // For tests of what happens where there is none.
  if (process.env.IOMUX_TEST_NO_OPENSSL) throw new Error("switched off by IOMUX_TEST_NO_OPENSSL");
  loadApart();
  const ssl = open(names("ssl"), SSL);
  return { ...ssl, ...open(names("crypto"), CRYPTO) } as OpenSsl;
}

/** OpenSSL 3, or why there is none. */
export function openSsl(): OpenSsl | Error {
  if (loaded) return loaded;
  try {
    return loaded = load();
  } catch (error) {
    return loaded = error as Error;
  }
}

/** A C string. */
export const cText = (text: string): Uint8Array<ArrayBuffer> => {
  const bytes = new TextEncoder().encode(text);
  const terminated = new Uint8Array(new ArrayBuffer(bytes.length + 1));
  terminated.set(bytes);
  return terminated;
};

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

/** The words for a result of verification (X509_V_ERR_...): "certificate has expired". */
export function verifyText(ssl: OpenSsl, result: number): string {
  const address = ssl.X509_verify_cert_error_string(result);
  if (addressOf(address) === 0) return `error ${result}`;
  for (let length = 32;; length += 32) {
    const bytes = new Uint8Array(viewAt(address, length));
    const end = bytes.indexOf(0);
    if (end >= 0 || length > 480) return new TextDecoder().decode(bytes.slice(0, Math.max(end, 0)));
  }
}

/** A pointer that must not be null. */
export function made(ssl: OpenSsl, pointer: Pointer, call: string): Pointer {
  if (addressOf(pointer) !== 0) return pointer;
  throw new Error(`Cannot use TLS: ${call} failed (${takeReason(ssl) || "out of memory"})`);
}
