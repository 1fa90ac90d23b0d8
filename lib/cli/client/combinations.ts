/** Options of the client that exclude or need each other. */
import { UsageError } from "../exit.ts";
import { longName } from "../options/option.ts";
import { checkNeedsTls } from "../options/tls.ts";
import { CLIENT, type ClientRead } from "./command.ts";

type Key = keyof ClientRead["options"] & string;

const EXCLUDE: readonly (readonly [Key, ...Key[]])[] = [
  ["ipv4", "ipv6"],
  ["unix", "source", "ipv4", "ipv6"],
  ["tlsInsecure", "tlsCa"],
  ["sendOnly", "recvOnly"],
  ["recvOnly", "quitAfter", "grace"],
  ["listen", "scan", "source"],
  ["listen", "reconnect"],
  ["udp", "unix", "listen", "reconnect", "scan", "tls", "script", "noHalfClose", "connectTimeout"],
  ["listen", "tlsCa", "tlsInsecure", "tlsServerName", "tlsAlpn"],
  [
    "scan",
    "unix",
    "tls",
    "script",
    "reconnect",
    "hex",
    "crlf",
    "sendOnly",
    "recvOnly",
    "quitAfter",
    "grace",
    "noHalfClose",
    "idleTimeout",
  ],
  [
    "script",
    "sendOnly",
    "recvOnly",
    "crlf",
    "reconnect",
    "quitAfter",
    "grace",
    "idleTimeout",
    "noHalfClose",
  ],
];

/** Of two that exclude each other a variable gives way to what was typed. @throws UsageError */
function checkPair(read: ClientRead, first: Key, other: Key): void {
  const options = read.options as Record<string, unknown>;
  const isGiven = (key: Key) => read.source(key) !== "default" && options[key] !== false;
  if (!isGiven(first) || !isGiven(other)) return;
  const sources = [first, other].map(read.source);
  if (sources[0] === sources[1]) {
    throw new UsageError(
      `options '--${longName(first)}' and '--${longName(other)}' exclude each other`,
    );
  }
  const variable = sources[0] === "env" ? first : other;
  options[variable] = CLIENT.options[variable].initial;
}

/** @throws UsageError */
export function checkCombinations(read: ClientRead): void {
  const typed = (key: Key) => read.source(key) === "cli";
  const options = read.options as { -readonly [K in Key]: ClientRead["options"][K] };
  if (read.source("listen") === "env" && (read.operands.length > 0 || typed("unix"))) {
    options.listen = undefined; // a target was typed
  }
  if (options.listen === undefined && !typed("keepListening")) options.keepListening = false;
  for (const [first, ...others] of EXCLUDE) {
    for (const other of others) checkPair(read, first, other);
  }
  checkNeedsTls(read);
  if (typed("tlsAlpn") && !read.options.tls) {
    throw new UsageError("option '--tls-alpn' needs '--tls'");
  }
  // Whom it bounds then is a peer that connects and says nothing.
  if (typed("listen") && typed("connectTimeout") && !read.options.tls) {
    throw new UsageError("options '--listen' and '--connect-timeout' need '--tls' as well");
  }
  if (read.options.keepListening && read.options.listen === undefined) {
    throw new UsageError("option '--keep-listening' needs '--listen'");
  }
  if (read.options.listen !== undefined && read.options.tls && !read.options.tlsCert) {
    throw new UsageError(
      "options '--listen' and '--tls' need '--tls-cert' and '--tls-key' as well",
    );
  }
}
