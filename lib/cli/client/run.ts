/** What `iomux client` does once its options are known. */
import { connectTo } from "../../client/connect.ts";
import { Input } from "../../client/input.ts";
import { Loop } from "../../client/loop.ts";
import { Output } from "../../client/output.ts";
import { secure } from "../../client/secure.ts";
import { Session, type SessionEnd } from "../../client/session.ts";
import { Socket } from "../../net/mod.ts";
import { kindOf } from "../../sys/file.ts";
import { formatCount } from "../../text/units.ts";
import type { ClientRead } from "./command.ts";
import { EXIT, UsageError } from "../exit.ts";
import { leave } from "../leave.ts";
import { say } from "../output.ts";
import { onSignals } from "../signals.ts";
import { checkClientTls } from "../options/tls_check.ts";
import { chooseTarget, type Destination, parseTarget, targetPort } from "../options/target.ts";
import { type ClientTls, clientTlsOf, withAdvice } from "../options/tls.ts";

/** Connects and pumps until the session is over; returns the exit code. */
export async function run(read: ClientRead): Promise<number> {
  const destination = destinationOf(read);
  const tls = clientTlsOf(read, "host" in destination ? destination.host : undefined);
  return await converse(destination, read.options.connectTimeout, tls);
}

function destinationOf(read: ClientRead): Destination {
  const [first, port] = read.operands;
  const { target, unix } = chooseTarget(first, read);
  if (unix !== undefined) return { path: unix };
  if (target === undefined) throw new UsageError("missing target: HOST:PORT or --unix PATH");
  if (port === undefined) return parseTarget(target);
  if (/^[^:]+:\d+$|\]:\d+$/.test(target)) throw new UsageError("the port is given twice");
  return { host: target.replace(/^\[(.+)\]$/, "$1"), port: targetPort(port, `${target} ${port}`) };
}

async function converse(
  destination: Destination,
  timeoutMs: number | undefined,
  tls: ClientTls | undefined,
): Promise<number> {
  // Console and pipes are no sockets there, and nothing says when they are ready.
  if (process.platform === "win32") throw new Error("client does not run on Windows yet");
  if (tls) await checkClientTls(tls);
  const kinds = [kindOf(0), kindOf(1)] as const; // before anything else can get these numbers
  let signalCode: number | undefined;
  const interrupted = () => signalCode !== undefined;
  const restore = onSignals({
    first: (code) => signalCode = code,
    second: leave,
    keepsIgnored: true,
  });
  try {
    using socket = "path" in destination
      ? Socket.connect({ path: destination.path, timeoutMs: timeoutMs ?? 10_000 })
      : await connectTo(destination.host, destination.port, timeoutMs, interrupted);
    if (socket === null) return signalCode!;
    using peer = tls ? await secure(socket, tls, timeoutMs, interrupted) : socket;
    if (peer === null) return signalCode!;
    using loop = new Loop();
    const input = new Input(0, kinds[0]);
    const output = new Output(1, kinds[1]);
    const options = { halfClose: true, graceMs: 500, sends: true, receives: true };
    const session = new Session({ socket: peer, transport: socket }, input, output, loop, options);
    const end = await session.run(interrupted);
    return end.reason === "interrupted" ? signalCode! : exitCode(end);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    (error as Error).message = withAdvice(code ?? "", message);
    throw error;
  } finally {
    restore();
  }
}

/** Says what went wrong, and how it is said to programs. */
function exitCode({ reason, error, notTaken }: SessionEnd): number {
  if (reason === "reader-gone") return EXIT.brokenPipe;
  const rest = notTaken > 0
    ? [`${formatCount(notTaken)} bytes of standard input were not taken`]
    : [];
  const what = [...(error ? [error.message] : []), ...rest].join("; ");
  if (what !== "") say(what);
  return reason === "finished" ? EXIT.ok : EXIT.peerGone;
}
