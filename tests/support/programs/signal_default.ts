// Waits without a handler for anything: [selector's name]. Ends with 3 when no signal ends it.
import { readFileSync, writeSync } from "node:fs";
import { createSelector, type SelectorName } from "../../../lib/selectors/mod.ts";

// Inherited by what a shell starts in the background; such a process is not to be ended by SIGINT.
const ignored = process.platform === "linux"
  ? Number.parseInt(/^SigIgn:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!, 16)
  : 0;
const SIGINT = 2;
using selector = createSelector(process.argv[2] as SelectorName);
writeSync(1, ignored & (1 << (SIGINT - 1)) ? "SIGINT is ignored\n" : "waiting\n");
selector.select(8000);
process.exit(3);
