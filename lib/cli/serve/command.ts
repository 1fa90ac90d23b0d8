/** `iomux serve`: its options. */
import { SERVE_DEFAULTS as DEFAULTS } from "../../serve/options.ts";
import { SERVICES } from "../../serve/services.ts";
import {
  parseBandwidth,
  parseDuration,
  parsePercent,
  parseSize,
  parseVaryingDuration,
} from "../../text/units.ts";
import { command } from "../options/command.ts";
import { choice, flag, list, value, valued } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import {
  atLeastOne,
  ENGINES,
  file,
  host,
  LOG_LEVELS,
  port,
  seed,
  SELECTORS,
  socketPath,
  someBytes,
  text,
  threads,
  threadsOrAuto,
} from "../options/values.ts";

/** Options repeated, or with commas, as a variable can't be repeated. An empty one would permit all. */
function networks(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new Error(`"${text}" names no network, such as 10.0.0.0/8`);
  return parts;
}

function buffer(text: string): number {
  const bytes = parseSize(text);
  if (bytes < 2) throw new Error(`"${text}" must be at least 2 bytes`);
  return bytes;
}

export const SERVE = command({
  name: "serve",
  about: "a TCP server: echo, upper, discard, chargen, daytime, or a handler of yours",
  operands: { usage: "", most: 0 },
  groups: {
    "Where it listens": {
      port: valued("N", "0 picks a free one", port, 9999, { short: "p" }),
      host: valued("ADDR", "address or name; :: is dual-stack", host, DEFAULTS.host, {
        short: "H",
      }),
      unix: value("PATH", "a Unix socket instead; @NAME: an abstract one", socketPath, {
        file: true,
      }),
      udp: flag("datagrams: echo, upper or discard"),
      backlog: valued("N", "connections that wait to be accepted", atLeastOne, DEFAULTS.backlog),
      tlsCert: value("FILE", "serve TLS with this certificate and its chain, as PEM", file, {
        ...{ file: true, joined: true, brief: "serve TLS: chain and key, as PEM" },
      }),
      tlsKey: value("FILE", "the certificate's key, as PEM, not encrypted", file, { file: true }),
    },
    "What answers": {
      service: choice(
        "NAME",
        `the service: ${Object.keys(SERVICES).join(", ")}`,
        Object.keys(SERVICES),
        DEFAULTS.service,
        { brief: Object.keys(SERVICES).join(", ") },
      ),
      handler: value("FILE", "hand ready connections to a blocking handler", file, { file: true }),
      exec: value("CMD", "hand them to a program as its stdin and stdout", text),
      handlerWorkers: valued("N", "size of the pool of handler workers", threads, 4),
      leaseTimeout: valued(
        "DUR",
        "close a connection that a handler or program keeps longer",
        parseDuration,
        0,
        {
          ...{ shown: "off", brief: "longest time of a handler or program" },
        },
      ),
    },
    "How it waits": {
      selector: choice("NAME", "what the loop waits on", SELECTORS, "auto"),
      engine: choice("NAME", "readiness, or uring (Linux)", ENGINES, "auto"),
      workers: valued("N|auto", "event loops in threads", threadsOrAuto, 1),
    },
    "Limits": {
      maxConnections: value("N", "more are closed (default: from ulimit -n)", atLeastOne),
      maxPerAddress: value(
        "N",
        "more of one address are closed; of IPv6 its /64 counts",
        atLeastOne,
        {
          brief: "of one address; an IPv6 one counts as its /64",
        },
      ),
      allow: list("CIDR", "serve these networks only; repeatable; --deny wins", networks, {
        joined: true,
        brief: "only these, never those; repeatable",
      }),
      deny: list("CIDR", "close connections from these networks at once", networks),
      maxBuffer: valued("SIZE", "unsent output of a connection", buffer, DEFAULTS.maxBuffer, {
        shown: "1MiB",
      }),
      idleTimeout: valued("DUR", "close what is idle for longer", parseDuration, 0, {
        shown: "off",
      }),
      finTimeout: valued(
        "DUR",
        "how long a half-closed peer may take to end",
        parseDuration,
        DEFAULTS.finMs,
        {
          ...{ shown: "30s", brief: "for a half-closed peer to end" },
        },
      ),
      drainTimeout: valued(
        "DUR",
        "how long connections may take after SIGTERM or SIGINT",
        parseDuration,
        DEFAULTS.drainMs,
        {
          ...{ shown: "10s", brief: "after SIGTERM or SIGINT" },
        },
      ),
    },
    "Faults on purpose": {
      delay: value("DUR[±DUR]", "hold every answer back", parseVaryingDuration),
      bandwidth: value("RATE", "send no faster, in bytes a second: 64KB", parseBandwidth),
      slice: value("SIZE", "send in pieces of at most so many bytes", someBytes),
      resetAfter: value("SIZE", "reset a connection after so many bytes of answers", parseSize, {
        joined: true,
        brief: "after so many bytes",
      }),
      closeAfter: value("SIZE", "close a connection after so many bytes of answers", parseSize),
      blackhole: flag("read everything, and never answer"),
      faultRate: value("PERCENT", "the share of connections that have them", parsePercent, {
        joined: true,
        brief: "on so many; the seed repeats which",
      }),
      seed: value("N", "repeats the faults of a run (default: at random, and logged)", seed),
    },
    "What it says": {
      metrics: value("HOST:PORT", "HTTP: /metrics, /stats.json, /healthz", text),
      stats: flag("print the statistics as JSON to stdout at exit"),
      trace: flag("narrate every turn of the loop to stderr"),
      logLevel: choice(
        "LEVEL",
        `the least level to log: ${LOG_LEVELS.join(", ")}`,
        LOG_LEVELS,
        "info",
        { joined: true, brief: "[info, text]" },
      ),
      logFormat: choice(
        "FORMAT",
        "what a log line is: text or json",
        ["text", "json"],
        "text",
        { brief: "of log lines: text or json" },
      ),
      quiet: flag("the ready line and errors only"),
    },
  },
  examples: [
    ["iomux serve", "an echo server on port 9999"],
    ["iomux serve -H 127.0.0.1 --exec 'tr a-z A-Z'", "a program per connection"],
    ["iomux serve --delay 20ms±5ms --fault-rate 10", "a bad server, for tests"],
  ],
  exits: {
    0: "drained",
    1: "failed, or cut connections",
    3: "cannot bind",
    130: "a second SIGINT",
    143: "a second SIGTERM",
  },
});

export type ServeRead = ReadOf<typeof SERVE>;
