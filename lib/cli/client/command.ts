/** `iomux client`: its options. */
import { parseDuration } from "../../text/units.ts";
import { command } from "../options/command.ts";
import { flag, value, valued } from "../options/option.ts";
import type { ReadOf } from "../options/read.ts";
import { CLIENT_TLS } from "../options/client_tls.ts";
import { file, protocols, socketPath, someTime, text } from "../options/values.ts";

/** What other netcats do with an option, and other commands here. */
const EXEC = "programs are run by iomux serve --exec";
const MANY = "-k takes one connection after the other; many at once are for iomux serve";
const PROXY = "there are no proxies here; ssh -W HOST:PORT is one way through";
const TELNET = "nothing answers telnet's options here; bytes go as they are";

export const CLIENT = command({
  name: "client",
  about: "a netcat: stdin to the peer, the peer to stdout, byte for byte",
  operands: { usage: "[HOST:PORT | HOST PORT]", most: 2 },
  groups: {
    "The peer": {
      unix: value("PATH", "a Unix socket; @NAME is an abstract one", socketPath, {
        ...{ file: true, short: "U" },
      }),
      udp: flag("datagrams: each read of stdin is one"),
      ipv4: flag("IPv4 addresses only", {
        short: "4",
        joined: true,
        brief: "addresses of one family only",
      }),
      ipv6: flag("IPv6 addresses only", { short: "6" }),
      source: value("ADDR[:PORT]", "connect from this local address", text, { short: "s" }),
      connectTimeout: value("DUR", "give up connecting after this time", someTime, {
        short: "w",
      }),
      listen: value("[HOST:]PORT", "accept one connection instead of connecting", text, {
        ...{ short: "l", mayStandAlone: true }, // as in -l -U PATH, or -lk PORT
      }),
      keepListening: flag("with -l: one connection after the other", { short: "k" }),
      reconnect: value("DUR", "connect again this long after a connection ended", someTime),
      scan: flag("print which of PORT, PORT-PORT, lists are open", { short: "z" }),
    },
    "The bytes": {
      crlf: flag("send line feeds as CR LF", { short: "C" }),
      sendOnly: flag("send, and print nothing", { joined: true, brief: "one direction only" }),
      recvOnly: flag("print, and send nothing"),
      hex: flag("both directions to stderr, with offset and time", { short: "x" }),
      script: value("FILE", "steps: send, expect, close, sleep", file, { file: true }),
    },
    "The end": {
      noHalfClose: flag("keep the sending side open after stdin's end"),
      quitAfter: value("DUR", "end this long after all of stdin was sent", parseDuration, {
        short: "q",
      }),
      grace: valued(
        "DUR",
        "how long stdin may give nothing once the peer has ended",
        parseDuration,
        500,
        {
          ...{ shown: "500ms", brief: "of stdin once the peer has ended" },
        },
      ),
      idleTimeout: value("DUR", "end when nothing came or went for so long", someTime, {
        short: "i",
      }),
    },
    "TLS": {
      ...CLIENT_TLS,
      tlsAlpn: value("NAMES", "protocols to offer by ALPN: h2,http/1.1", protocols),
    },
    "What it says": {
      verbose: flag("addresses tried, the connection, TLS", { short: "v" }),
    },
  },
  examples: [
    ["echo hello | iomux client localhost:9999", "a message and its answer"],
    ["iomux client -l 9000 > file", "receive a file"],
    ["iomux client --tls example.org:443", "talk TLS"],
  ],
  exits: {
    0: "the peer took all of stdin",
    1: "failed",
    3: "cannot connect or bind",
    4: "timed out",
    5: "it reset, or took not all",
    141: "stdout closed",
    130: "SIGINT",
    143: "SIGTERM",
  },
  elsewhere: {
    "-N": "it means the opposite in OpenBSD's nc; write --no-half-close",
    "-p PORT": "to listen use -l PORT, as in iomux client -v -l PORT; " +
      "to connect from a port write -s ADDR:PORT",
    "-n": "it is not needed: an address is used as it is, and a name is resolved",
    "-d": "to leave stdin alone write --recv-only",
    "-u": "it is --udp here",
    ...{ "-e CMD": EXEC, "--exec CMD": EXEC, "-c CMD": EXEC, "--sh-exec CMD": EXEC },
    "-o FILE": "to keep a dump of the bytes write -x 2>FILE",
    ...{ "-m N": MANY, "--max-conns N": MANY },
    ...{ "-X HOW": PROXY, "--proxy ADDR": PROXY },
    "-W N": "to end after some bytes pipe the output through head -c",
    "--ssl": "it is --tls here",
    "--ssl-verify": "write --tls, which verifies the certificate by itself",
    "--keep-open": "it is -k here, beside -l PORT",
    "--source-port PORT": "to connect from a port write -s ADDR:PORT",
    ...{ "-t": TELNET, "--telnet": TELNET },
    "-r": "ports are not chosen at random here",
  },
});

export type ClientRead = ReadOf<typeof CLIENT>;
