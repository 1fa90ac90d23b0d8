// What can be seen only in a network namespace of one's own: [what]. Prints a line of JSON.
import { writeSync } from "node:fs";
import { dial, getNetworkAddress, Socket } from "../../../lib/net/mod.ts";

const PORT = 40000;
const codeOf = (action: () => unknown): string => {
  try {
    action();
    return "nothing was thrown";
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
};

/** Nothing listens on PORT, and the kernel has only that port and the next to give to a client. */
async function itself() {
  const seen = { waited: new Set<string>(), later: new Set<string>(), dialled: new Set<string>() };
  for (let i = 0; i < 40; i++) {
    seen.waited.add(codeOf(() => Socket.connect({ port: PORT, timeoutMs: 500 }).close()));
    seen.later.add(codeOf(() => {
      using socket = Socket.connect({ port: PORT });
      const error = socket.takeError();
      if (error) throw error;
    }));
    await dial({ port: PORT, timeoutMs: 500 }).then(
      (socket) => (socket.close(), seen.dialled.add("connected")),
      (error) => seen.dialled.add(error.code),
    );
  }
  return { waited: [...seen.waited], later: [...seen.later], dialled: [...seen.dialled] };
}

const answer = process.argv[2] === "itself" ? await itself() : { address: getNetworkAddress() };
writeSync(1, `${JSON.stringify(answer)}\n`);
process.exit(0);
