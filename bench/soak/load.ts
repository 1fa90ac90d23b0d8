// The load's process: load.ts SCENARIO ENGINE PORT SECONDS CONNECTIONS SEED. Prints what it saw as JSON.
import process from "node:process";
import { churn, faults, type LoadOptions, slow, traffic } from "./clients.ts";
import { Driver, type Seen } from "./driver.ts";
import type { EngineName } from "../../lib/engine/mod.ts";
import { raiseOpenFileLimit } from "../../lib/sys/process/limits.ts";

const loads: Record<string, (driver: Driver, options: LoadOptions) => Seen> = {
  ...{ connections: traffic, churn, slow, faults },
};

const [name, engine, ...numbers] = process.argv.slice(2);
const [port, seconds, connections, seed] = numbers.map(Number) as [number, number, number, number];
raiseOpenFileLimit();
const each = { churn: connections * Math.ceil(seconds), slow: connections + 20 }[name!];
const driver = new Driver(
  engine as EngineName,
  port,
  seed,
  each ?? connections * (name === "faults" ? 50 * seconds : 1),
);
const begun = () => void process.stdout.write("begun\n");
const seen = loads[name!]!(driver, { seconds, connections, begun });
process.stdout.write(JSON.stringify(seen) + "\n");
