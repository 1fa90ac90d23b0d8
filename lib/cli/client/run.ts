/** What `iomux client` does once its options are known. */
import { dial, welcome } from "../../client/dial.ts";
import { Listener } from "../../client/listen.ts";
import { Loop } from "../../client/loop.ts";
import { ReaderGone } from "../../client/output.ts";
import type { SpawnRelay } from "../../client/relay.ts";
import { resolveUntil } from "../../net/dial.ts";
import { DatagramSocket, formatAddress } from "../../net/mod.ts";
import { EXIT, exitCodeOf } from "../exit.ts";
import { leave } from "../leave.ts";
import { adviceFor } from "../limits.ts";
import { checkClientTls, clientTlsOf, serverTlsOf, withAdvice } from "../options/tls.ts";
import { onSignals } from "../signals.ts";
import { checkCombinations } from "./combinations.ts";
import type { ClientRead } from "./command.ts";
import { Conversation, type Turns } from "./conversation.ts";
import { Lines } from "./lines.ts";
import { runScan } from "./scan.ts";
import { standardError, standardOutput } from "./streams.ts";
import { destinationOf, listenOf } from "./target.ts";

/** How long after a terminal has gone its SIGHUP may come. */
const SIGNAL_MS = 100;

export async function run(read: ClientRead, spawn: SpawnRelay): Promise<number> {
  checkCombinations(read);
  // Before anything else gets the numbers of the standard streams.
  const stderr = standardError();
  // Files are read here. One may be a pipe that says nothing, and only a signal's default action ends that.
  const work = read.options.scan ? scan(read, spawn) : talk(read, spawn);
  const stop = new AbortController();
  const restore = onSignals({
    first: (code) => stop.abort(Object.assign(new Error("interrupted by a signal"), { code })),
    second: leave,
    keepsIgnored: true,
  });
  try {
    using loop = new Loop();
    const lines = new Lines(stderr, loop);
    const turns = { loop, stop: stop.signal, lines };
    const code = await work(turns).catch((error) => saidOf(error, turns));
    await lines.finish(stop.signal);
    return code;
  } catch (error) {
    const isGone = error instanceof ReaderGone;
    // A terminal that goes away is a signal as well, if it was this process's: that one counts.
    if (isGone && error.wasTerminal) await new Promise((done) => setTimeout(done, SIGNAL_MS));
    if (stop.signal.aborted) return stop.signal.reason.code;
    if (isGone) return EXIT.brokenPipe;
    throw error;
  } finally {
    restore();
  }
}

/** What is done once the standard streams and the loop are there. */
type Work = (turns: Turns) => Promise<number>;

/** The exit code of an error, which is said; those of signals, stdout's reader and usage are thrown again. */
function saidOf(error: Error & { code?: string }, { stop, lines: { say } }: Turns): number {
  const code = exitCodeOf(error);
  if (error === stop.reason || error instanceof ReaderGone || code === EXIT.usage) throw error;
  say(withAdvice(error.code ?? "", error.message) + adviceFor(error));
  return code;
}

function scan(read: ClientRead, spawn: SpawnRelay): Work {
  const output = standardOutput(spawn);
  return (turns) => runScan(read, output, turns);
}

/** @throws UsageError */
function talk(read: ClientRead, spawn: SpawnRelay): Work {
  const conversation = new Conversation(read, spawn);
  const { listen, udp } = read.options;
  const meet = udp ? exchange(read) : listen === undefined ? connect(read) : accept(read, listen);
  return async (turns) => {
    conversation.start(turns);
    const code = await meet(conversation, turns);
    await conversation.finish(turns);
    return code;
  };
}

/** Finds a peer, or one after the other, and talks to it. */
type Meet = (conversation: Conversation, turns: Turns) => Promise<number>;

const traceOf = ({ options }: ClientRead, { say }: Lines) => options.verbose ? say : () => {};

/** Datagrams, to the first of the target's addresses. @throws UsageError */
function exchange(read: ClientRead): Meet {
  const to = destinationOf(read);
  if (!("host" in to)) throw new Error("--udp and --unix exclude each other");
  return async (conversation, turns) => {
    const [host] = await resolveUntil(turns.stop, to.host, to.family);
    using socket = DatagramSocket.connect({ host: host!, port: to.port }, to.source);
    const [from, peer] = [socket.localAddress, socket.remoteAddress].map(formatAddress);
    traceOf(read, turns.lines)(`sending from ${from} to ${peer}`);
    return await conversation.exchange(socket, turns);
  };
}

/** @throws UsageError */
function connect(read: ClientRead): Meet {
  const to = destinationOf(read);
  const tls = clientTlsOf(read, "host" in to ? to.host : undefined);
  const { connectTimeout: timeoutMs, idleTimeout: idleTimeoutMs, reconnect, tlsAlpn: alpn } =
    read.options;
  return async (conversation, turns) => {
    const { loop, stop, lines } = turns;
    if (tls) await checkClientTls(tls);
    const trace = traceOf(read, lines);
    const options = { to, trace, idleTimeoutMs, timeoutMs, tls: tls && { ...tls, alpn } };
    for (let said = "", hasLost = false;;) {
      try {
        using peer = await dial(options, loop, stop).catch((error) => {
          throw conversation.named(error);
        });
        const { code, goesOn, lost } = await conversation.talk(peer, turns);
        hasLost ||= lost;
        if (!goesOn) return code === EXIT.ok && hasLost ? EXIT.peerGone : code;
        said = "";
      } catch (error) {
        const { name, message } = error as Error;
        if (reconnect === undefined || !(name === "OSError" || name === "ResolveError")) {
          throw error;
        }
        if (message !== said) lines.say(message); // once, however often it fails
        said = message;
      }
      await pause(reconnect!, loop, stop);
    }
  };
}

async function pause(ms: number, loop: Loop, stop: AbortSignal): Promise<void> {
  const until = performance.now() + ms;
  for (let left = ms; left > 0; left = until - performance.now()) {
    stop.throwIfAborted();
    await loop.turn(left);
  }
}

/** @throws UsageError */
function accept(read: ClientRead, listen: string): Meet {
  const where = listenOf(read, listen);
  const { tls: identity } = read.options.tls ? serverTlsOf(read.options) : {};
  const { connectTimeout: timeoutMs, idleTimeout: idleTimeoutMs } = read.options;
  return async (conversation, turns) => {
    const { loop, stop, lines: { say } } = turns;
    const trace = traceOf(read, turns.lines);
    const options = { trace, identity, timeoutMs, idleTimeoutMs };
    using listener = await Listener.open(where, say, loop, stop);
    // A port that the system has chosen is not known otherwise.
    const tell = "port" in where && where.port === 0 ? say : trace;
    for (const address of listener.addresses) tell(`listening on ${formatAddress(address)}`);
    for (;;) {
      const accepted = await listener.accept(stop);
      const once = !read.options.keepListening;
      if (once) listener[Symbol.dispose]();
      try {
        using peer = await welcome(accepted, options, loop, stop).catch((error) => {
          throw conversation.named(error);
        });
        const { code } = await conversation.talk(peer, turns);
        if (once) return code;
      } catch (error) {
        if (once || (error as Error).name !== "OSError") throw error;
        say((error as Error).message); // the next one may do better
      }
    }
  };
}
