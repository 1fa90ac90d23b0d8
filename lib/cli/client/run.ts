/** What `iomux client` does once its options are known. */
import { dial, welcome } from "../../client/dial.ts";
import { Listener } from "../../client/listen.ts";
import { Loop } from "../../client/loop.ts";
import { ReaderGone } from "../../client/output.ts";
import type { SpawnRelay } from "../../client/relay.ts";
import { DatagramSocket, formatAddress, resolveHost } from "../../net/mod.ts";
import { EXIT } from "../exit.ts";
import { leave } from "../leave.ts";
import { say } from "../output.ts";
import { checkClientTls, clientTlsOf, serverTlsOf, withAdvice } from "../options/tls.ts";
import { onSignals } from "../signals.ts";
import { checkCombinations } from "./combinations.ts";
import type { ClientRead } from "./command.ts";
import { Conversation } from "./conversation.ts";
import { runScan } from "./scan.ts";
import { standardOutput } from "./streams.ts";
import { destinationOf, listenOf } from "./target.ts";

/** The reason of the abort signal: a signal came, and this is the exit code. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly code: number;

  constructor(code: number) {
    super("interrupted by a signal");
    this.code = code;
  }
}

/** Does what the options say; returns the exit code. */
export async function run(read: ClientRead, spawn: SpawnRelay): Promise<number> {
  checkCombinations(read);
  const stop = new AbortController();
  const restore = onSignals({
    first: (code) => stop.abort(new Interrupted(code)),
    second: leave,
    keepsIgnored: true,
  });
  try {
    if (read.options.scan) {
      const output = standardOutput(spawn);
      using loop = new Loop();
      return await runScan(read, output, loop, stop.signal);
    }
    const conversation = new Conversation(read, spawn);
    using loop = new Loop();
    const run: Run = { read, conversation, loop, stop: stop.signal };
    const { listen, udp } = read.options;
    const code = udp
      ? await exchange(run)
      : listen === undefined
      ? await connect(run)
      : await accept(run, listen);
    return await conversation.finish(code, loop, stop.signal);
  } catch (error) {
    if (error instanceof Interrupted) return error.code;
    if (error instanceof ReaderGone) return EXIT.brokenPipe;
    const { code, message } = error as { code?: string; message: string };
    (error as Error).message = withAdvice(code ?? "", message);
    throw error;
  } finally {
    restore();
  }
}

/** What the ways to a peer have in common. */
interface Run {
  readonly read: ClientRead;
  readonly conversation: Conversation;
  readonly loop: Loop;
  readonly stop: AbortSignal;
}

const idleOf = ({ options: { idleTimeout: idleTimeoutMs } }: ClientRead) =>
  idleTimeoutMs === undefined ? {} : { idleTimeoutMs };

const traceOf = ({ options }: ClientRead) => options.verbose ? say : () => {};

/** Datagrams, to the first of the target's addresses. */
async function exchange({ read, conversation, loop, stop }: Run): Promise<number> {
  const to = destinationOf(read);
  if (!("host" in to)) throw new Error("--udp and --unix exclude each other");
  const [host] = await resolveHost(to.host, to.family);
  using socket = DatagramSocket.connect({ host: host!, port: to.port }, to.source);
  const [from, peer] = [socket.localAddress, socket.remoteAddress].map(formatAddress);
  traceOf(read)(`sending from ${from} to ${peer}`);
  return await conversation.exchange(socket, loop, stop);
}

/** Connects, and with `--reconnect` again and again. */
async function connect({ read, conversation, loop, stop }: Run): Promise<number> {
  const to = destinationOf(read);
  const tls = clientTlsOf(read, "host" in to ? to.host : undefined);
  if (tls) await checkClientTls(tls);
  const { connectTimeout: timeoutMs, reconnect, tlsAlpn: alpn } = read.options;
  const options = {
    ...{ to, trace: traceOf(read), ...idleOf(read) },
    ...(tls ? { tls: { ...tls, ...(alpn ? { alpn } : {}) } } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  for (let said = "", hasLost = false;;) {
    conversation.watchReader(loop);
    try {
      using peer = await dial(options, loop, stop).catch((error) => {
        throw conversation.named(error);
      });
      const { code, goesOn, lost } = await conversation.talk(peer, loop, stop);
      hasLost ||= lost;
      if (!goesOn) return code === EXIT.ok && hasLost ? EXIT.peerGone : code;
      said = "";
    } catch (error) {
      const { name, message } = error as Error;
      if (reconnect === undefined || !(name === "OSError" || name === "ResolveError")) throw error;
      if (message !== said) say(message); // once, however often it fails
      said = message;
    }
    conversation.watchReader(loop);
    await pause(reconnect!, loop, stop);
  }
}

async function pause(ms: number, loop: Loop, stop: AbortSignal): Promise<void> {
  const until = performance.now() + ms;
  for (let left = ms; left > 0; left = until - performance.now()) {
    stop.throwIfAborted();
    await loop.turn(left);
  }
}

/** Waits for a peer, and with `-k` for the next one. */
async function accept({ read, conversation, loop, stop }: Run, listen: string): Promise<number> {
  const where = listenOf(read, listen);
  const trace = traceOf(read);
  const { tls: identity } = read.options.tls ? serverTlsOf(read.options) : {};
  const { connectTimeout: timeoutMs } = read.options;
  const options = {
    ...{ trace, ...idleOf(read) },
    ...(identity ? { identity } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  using listener = await Listener.open(where, say, loop);
  // Where the system has chosen the port nobody could connect without being told.
  const tell = "port" in where && where.port === 0 ? say : trace;
  for (const address of listener.addresses) tell(`listening on ${formatAddress(address)}`);
  for (;;) {
    conversation.watchReader(loop);
    const accepted = await listener.accept(stop);
    const once = !read.options.keepListening;
    if (once) listener[Symbol.dispose]();
    try {
      using peer = await welcome(accepted, options, loop, stop).catch((error) => {
        throw conversation.named(error);
      });
      const { code } = await conversation.talk(peer, loop, stop);
      if (once || code === EXIT.brokenPipe) return code;
    } catch (error) {
      if (once || (error as Error).name !== "OSError") throw error;
      say((error as Error).message); // the next one may do better
    }
  }
}
