// Sends to a peer that is gone, with SIGPIPE set to end the process, as a shell or C program has it.
import { writeSync } from "node:fs";
import { socketPair } from "../../../lib/net/mod.ts";
import { NULL, open } from "../../../lib/sys/ffi.ts";

const SIGPIPE = 13;
const c = open(["libc.so.6", "libc.so"], {
  signal: { args: ["i32", "pointer"], result: "pointer" }, // SIG_DFL is the null pointer
});
c.signal(SIGPIPE, NULL);

const [a, b] = socketPair();
b.close();
let code = "none";
try {
  a.send(new Uint8Array(new ArrayBuffer(1)));
} catch (error) {
  code = (error as { code: string }).code;
}
writeSync(1, `${code}\n`);
