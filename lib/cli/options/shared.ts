/** Options that several commands have. */
import { SERVICES } from "../../serve/services.ts";
import { parseExpectation } from "../../stress/plan/expectation.ts";
import { parseMessage } from "../../stress/traffic/message.ts";
import { outputFile } from "./outputs.ts";
import { flag, list, type Table, value, valued } from "./option.ts";
import { parseSources } from "./sources.ts";
import {
  checked,
  file,
  oneOf,
  seed,
  SELECTORS,
  socketPath,
  someBytes,
  text,
  threadsOrAuto,
} from "./values.ts";

/** A Unix socket instead of HOST:PORT. */
export const UNIX = {
  unix: value("PATH", "a Unix socket instead of HOST:PORT; @NAME: abstract", socketPath, {
    file: true,
  }),
} satisfies Table;

/** Of a client of TLS. */
export const CLIENT_TLS = {
  tls: flag("speak TLS, and check the certificate"),
  tlsCa: value("FILE", "trust these authorities only, as PEM", file, { file: true }),
  tlsInsecure: flag("take any certificate"),
  tlsServerName: value("NAME", "the name that the certificate must be for", text),
  tlsCert: value("FILE", "certificate of this client, as PEM", file, {
    ...{ file: true, row: "certificate of this client, and its key" },
  }),
  tlsKey: value("FILE", "the certificate's key, as PEM, not encrypted", file, { file: true }),
} satisfies Table;

/** Of the server that a run without a target has. */
export const EMBEDDED = {
  selector: valued("NAME", "what the embedded server waits on", oneOf(SELECTORS), "auto", {
    words: SELECTORS,
  }),
  service: valued("NAME", "of the embedded server", oneOf(Object.keys(SERVICES)), "echo", {
    words: Object.keys(SERVICES),
  }),
  serverWorkers: valued("N|auto", "of the embedded server", threadsOrAuto, 1),
} satisfies Table;

/** What is sent, and what must come back. */
export const MESSAGES = {
  size: valued("SIZE", "of one message, cut from a seeded stream", someBytes, 64, {
    ...{ short: "s", shown: "64B" },
  }),
  message: value(
    "TEXT",
    "a fixed message: \\r \\n \\t \\0 \\xHH {conn} {seq}",
    checked(parseMessage),
    { short: "m" },
  ),
  messageFile: value("FILE", "a fixed message, the bytes of a file", file, { file: true }),
  expect: valued(
    "WHAT",
    "echo upper none line bytes:N until:TEXT http /re/ TEXT",
    checked(parseExpectation),
    "echo",
    { words: ["echo", "upper", "none", "line", "http"] },
  ),
} satisfies Table;

/** Where connections come from, and what the stream is seeded with. */
export const SOURCE = {
  source: value("ADDRS", "local addresses to spread over: A,B or a CIDR", parseSources),
} satisfies Table;

/** What the stream is seeded with. */
export const SEED = {
  seed: value("N", "of the stream, to repeat it (default: at random)", seed),
} satisfies Table;

/** Where results go. */
export const OUTPUT = {
  json: flag("the result as JSON on stdout, and nothing else there"),
  output: list(
    "FILE",
    "by its ending: .json .html .csv .hgrm .xml .md; repeatable",
    outputFile(),
    { short: "o", file: true },
  ),
} satisfies Table;
