// `iomux serve --exec` whose worker dies when the fourth connection is ready: by an exception, or as a
// whole (HOW=exit), which leaves it no time to tidy up.
import { isMainThread, Worker } from "node:worker_threads";

if (isMainThread) {
  const spawn = (role: string, data: unknown) =>
    new Worker(new URL(import.meta.url), { workerData: { role, data } });
  const { main } = await import("../../../lib/cli/program.ts");
  process.exit(await main(process.argv.slice(2), spawn));
}
const { Handoff } = await import("../../../lib/serve/handoff/handoff.ts");
const { ready } = Handoff.prototype;
let count = 0;
Handoff.prototype.ready = function (peer, ended) {
  if (++count === 4) {
    if (process.env.HOW === "exit") process.exit(9);
    throw new Error("ended by a test");
  }
  ready.call(this, peer, ended);
};
await import("../../../main.ts");
