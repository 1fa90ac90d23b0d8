// `iomux serve` whose workers die of what a peer sends: a service that throws when it receives POISON.
import { isMainThread, Worker } from "node:worker_threads";

const POISON = "die, worker";

if (isMainThread) {
  const spawn = (role: string, data: unknown) =>
    new Worker(new URL(import.meta.url), { workerData: { role, data } });
  const { main } = await import("../../../lib/cli/program.ts");
  process.exit(await main(process.argv.slice(2), spawn));
}
const { ServiceHandler } = await import("../../../lib/serve/connection.ts");
const { data } = ServiceHandler.prototype;
ServiceHandler.prototype.data = function (peer, bytes) {
  if (new TextDecoder().decode(bytes).startsWith(POISON)) throw new Error("poisoned by a test");
  data.call(this, peer, bytes);
};
await import("../../../main.ts");
