/** `iomux client`: its options. */
import { parseDuration } from "../../text/units.ts";
import { command } from "../options/command.ts";
import { flag, value, valued } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { CLIENT_TLS } from "../options/shared.ts";
import { file, socketPath, someTime, text } from "../options/values.ts";

/** The command. */
export const CLIENT = command({
  name: "client",
  about: "a netcat: stdin to the peer, the peer to stdout, byte for byte",
  operands: { usage: "[HOST:PORT | HOST PORT]", most: 2 },
  groups: {
    "The peer": {
      unix: value("PATH", "a Unix socket instead of HOST:PORT; @NAME: abstract", socketPath, {
        ...{ file: true, short: "U" },
      }),
      ipv4: flag("IPv4 addresses only", { short: "4", row: "addresses of one family only" }),
      ipv6: flag("IPv6 addresses only", { short: "6" }),
      source: value("ADDR[:PORT]", "connect from this local address", text, { short: "s" }),
      connectTimeout: value("DUR", "give up connecting after this time", someTime, {
        short: "w",
      }),
      listen: value("[HOST:]PORT", "accept one connection instead of connecting", text, {
        short: "l",
      }),
      keepListening: flag("with -l: one connection after the other", { short: "k" }),
      reconnect: value("DUR", "connect again this long after a connection ended", someTime),
      scan: flag("print which ports of HOST are open: PORT, PORT-PORT, lists", { short: "z" }),
    },
    "The bytes": {
      crlf: flag("send line feeds as CR LF", { short: "C" }),
      sendOnly: flag("send, and print nothing", { row: "one direction only" }),
      recvOnly: flag("print, and send nothing"),
      hex: flag("both directions to stderr, with offset and time", { short: "x" }),
      script: value("FILE", "steps: send, expect, close, sleep", file, { file: true }),
    },
    "The end": {
      noHalfClose: flag("keep the sending side open after stdin's end"),
      quitAfter: value("DUR", "end this long after stdin's end", parseDuration, { short: "q" }),
      grace: valued("DUR", "of stdin once the peer has ended", parseDuration, 500, {
        shown: "500ms",
      }),
      idleTimeout: value("DUR", "end when nothing came or went for so long", someTime, {
        short: "i",
      }),
    },
    "TLS": CLIENT_TLS,
    "What it says": {
      verbose: flag("each address tried, the connection, TLS and certificate", { short: "v" }),
    },
  },
  examples: [
    ["echo hello | iomux client 127.0.0.1:9999", "one message, and what comes back"],
    ["iomux client -l 9000 > file", "receive what another client sends"],
    ["iomux client --tls example.org:443", "talk to a server that speaks TLS"],
  ],
  exits: {
    0: "the peer took every byte of stdin",
    1: "failed",
    3: "cannot connect, bind or resolve",
    4: "timed out",
    5: "the peer reset, or took not all",
    141: "stdout was closed by its reader",
    130: "SIGINT",
    143: "SIGTERM",
  },
  gone: { "-N": "-N means the opposite elsewhere; use --no-half-close" },
});

/** Its options, as they were given. */
export type ClientRead = ReadOf<typeof CLIENT>;
