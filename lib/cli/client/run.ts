/** What `iomux client` does once its options are known. */
import { Client } from "../../client/client.ts";
import { secure } from "../../client/secure.ts";
import { connectTo } from "../../client/connect.ts";
import { Socket } from "../../net/mod.ts";
import type { Destination } from "./command.ts";
import { EXIT } from "../exit.ts";
import { onSignals } from "../signals.ts";
import { checkClientTls } from "../options/tls_check.ts";
import { type ClientTls, withAdvice } from "../options/tls.ts";

/** Connects and pumps until the session is over; returns the exit code. */
export async function run(
  destination: Destination,
  timeoutMs: number | undefined,
  tls: ClientTls | undefined,
): Promise<number> {
  // Console and pipes are no sockets there, and nothing tells when they are ready.
  if (process.platform === "win32") throw new Error("client does not run on Windows yet");
  if (tls) await checkClientTls(tls);
  let signalCode: number | undefined;
  const interrupted = () => signalCode !== undefined;
  const restore = onSignals({
    first: (code) => signalCode = code,
    second: (code) => process.exit(code),
  });
  try {
    using socket = "path" in destination
      ? Socket.connect({ path: destination.path, timeoutMs: timeoutMs ?? 10_000 })
      : await connectTo(destination.host, destination.port, timeoutMs, interrupted);
    if (socket === null) return signalCode!;
    using peer = tls ? await secure(socket, tls, timeoutMs, interrupted) : socket;
    if (peer === null) return signalCode!;
    const end = await new Client(peer).run(interrupted);
    return end === "peer" ? EXIT.ok : end === "broken-stdout" ? EXIT.brokenPipe : signalCode!;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    (error as Error).message = withAdvice(code ?? "", message);
    throw error;
  } finally {
    restore();
  }
}
