// `iomux serve` on a kernel without pidfd_open, as before Linux 5.3 and on other systems.
import { isMainThread } from "node:worker_threads";
import { forbid } from "../seccomp.ts";

// Threads inherit it: those of the server, which main.ts starts.
if (isMainThread && !forbid(434, 38 /* ENOSYS */)) {
  console.log("seccomp is forbidden here");
  process.exit(0);
}
await import("../../../main.ts");
