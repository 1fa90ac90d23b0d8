/** Options that several commands have. */
import { SERVICES } from "../../serve/services.ts";
import { parseExpectation } from "../../stress/plan/expectation.ts";
import { parseMessage } from "../../stress/plan/message.ts";
import { parseThreshold } from "../../report/judge/threshold.ts";
import { outputFile } from "./outputs.ts";
import { choice, flag, list, type Option, type Table, value, valued } from "./option.ts";
import {
  checked,
  file,
  seed,
  SELECTORS,
  sizes,
  socketPath,
  someTime,
  text,
  threadsOrAuto,
} from "./values.ts";

export const UNIX = {
  unix: value("PATH", "a Unix socket; @NAME is an abstract one", socketPath, {
    file: true,
  }),
} satisfies Table;

/** Of the server that a run without a target has. */
export const EMBEDDED = {
  selector: choice(
    "NAME",
    "what the server of a run without a target waits on",
    SELECTORS,
    "auto",
    { brief: "of the server without a target" },
  ),
  service: choice("NAME", "what that server answers", Object.keys(SERVICES), "echo", {
    brief: "of that server",
  }),
  serverWorkers: valued("N|auto", "event loops of that server", threadsOrAuto, 1, {
    brief: "of that server",
  }),
} satisfies Table;

/** What is sent, and what must come back. */
export const MESSAGES = {
  size: valued(
    "SIZE",
    "how long a message of the seeded stream is, or A..B at random",
    sizes,
    { from: 64, to: 64 },
    { ...{ short: "s", shown: "64B", brief: "of a message, or A..B at random" } },
  ),
  message: value(
    "TEXT",
    "a fixed message instead, with \\r \\n \\t \\0 \\xHH {conn} {seq}",
    checked(parseMessage),
    { short: "m", joined: true, brief: "\\r \\n \\t \\0 \\xHH {conn} {seq}" },
  ),
  messageFile: value("FILE", "a fixed message instead, the bytes of a file", file, {
    file: true,
  }),
  expect: valued(
    "WHAT",
    "what must come back: echo, upper, none, line, bytes:N, until:TEXT, http, /re/, or a text",
    checked(parseExpectation),
    "echo",
    {
      words: ["echo", "upper", "none", "line", "bytes:", "until:", "http"],
      brief: "echo upper none line bytes:N until:TEXT http /re/",
      shown: undefined,
    },
  ),
} satisfies Table;

/** Conditions on a result, of which each may be given. */
export const conditions = (text: string, brief?: string): Option<readonly string[]> =>
  list("EXPR", text, (text) => [checked(parseThreshold)(text)], { brief });

export const TIMEOUT = {
  timeout: valued("DUR", "how long a connect and a reply may take each", someTime, 5000, {
    ...{ shown: "5s", brief: "for a connect and for a reply" },
  }),
} satisfies Table;

export const SOURCE = {
  source: value("ADDRS", "local addresses to spread over: A,B or a CIDR", text),
} satisfies Table;

export const SEED = {
  seed: value("N", "repeats the bytes of a run (default: at random)", seed),
} satisfies Table;

export const OUTPUT = {
  json: flag("the result as JSON on stdout, and nothing else there", {
    brief: "the result as JSON on stdout, no text",
  }),
  output: list(
    "FILE",
    "write the result, by the file's ending: .json, .html, .csv, .hgrm, .xml or .md; repeatable",
    outputFile(),
    { short: "o", file: true, brief: ".json .html .csv .hgrm .xml or .md; repeatable" },
  ),
} satisfies Table;
