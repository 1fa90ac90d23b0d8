// The body of a thread that acts on descriptors while the test's own thread is blocked: one system call
// after a pause, as `blocking_diff_test.ts` asks for.
import { closeSync, openSync, writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { Socket } from "../../lib/net/mod.ts";
import { Native, NULL, open } from "../../lib/sys/ffi.ts";
import { c, closeFd } from "../../lib/sys/posix.ts";

const MSG_OOB = 1, MSG_NOSIGNAL = 0x4000;
const still = new Int32Array(new SharedArrayBuffer(4));
const linux = open(["libc.so.6", "libc.so"], {
  timerfd_settime: { args: ["i32", "i32", "pointer", "pointer"], result: "i32" },
});
const one = new Uint8Array(new BigUint64Array([1n]).buffer);

/** What can be done, to a descriptor or with a name. */
export type Act =
  | "write"
  | "close"
  | "reset"
  | "shutdown"
  | "urgent"
  | "count"
  | "expire"
  | "touch"
  | "connect"
  | "read";

export interface Deed {
  readonly act: Act;
  readonly fd: number;
  /** A path to touch, or a port to connect to. */
  readonly what?: string | number;
  readonly afterMs: number;
}

const connected: Socket[] = [];

function perform({ act, fd, what }: Deed): unknown {
  switch (act) {
    case "write":
      return c.writeBytes(fd, Uint8Array.of(120), 1);
    case "count":
      return c.writeBytes(fd, one, 8);
    case "read":
      return c.readBytes(fd, new Uint8Array(new ArrayBuffer(1 << 16)), 1 << 16);
    case "urgent":
      return c.sendBytes(fd, Uint8Array.of(33), 1, MSG_OOB | MSG_NOSIGNAL);
    case "shutdown":
      return c.shutdown(fd, 1);
    case "close":
      return closeFd(fd);
    case "reset": {
      const socket = Socket.fromFd(fd);
      socket.setLinger(0);
      return socket.close();
    }
    case "expire": {
      const time = new Native(32); // struct itimerspec: an interval, and a nanosecond from now
      time.int32[6] = 1;
      return linux.timerfd_settime(fd, 0, time.pointer, NULL);
    }
    case "touch": {
      const file = openSync(String(what), "a");
      writeSync(file, "x");
      return closeSync(file);
    }
    case "connect":
      return connected.push(Socket.connect({ port: Number(what), timeoutMs: 5000 }));
  }
}

parentPort!.on("message", (deed: Deed) => {
  Atomics.wait(still, 0, 0, deed.afterMs);
  parentPort!.postMessage(perform(deed) ?? 0);
});
parentPort!.postMessage("started");
