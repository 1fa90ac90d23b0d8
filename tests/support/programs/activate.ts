// What a service manager does for socket activation: opens listening sockets, puts them on the
// descriptors from 3 on, and becomes the program that it was given. Arguments: addresses, "--", command.
// PORT listens on TCP, PATH on a Unix socket, "file" is no socket at all.
import { Socket } from "../../../lib/net/mod.ts";
import { addressOf, Native, open } from "../../../lib/sys/ffi.ts";
import { c } from "../../../lib/sys/posix.ts";

const split = process.argv.indexOf("--");
const addresses = process.argv.slice(2, split);
const command = process.argv.slice(split + 1);
const libc = open(["libc.so.6", "libc.so"], {
  execv: { args: ["pointer", "pointer"], result: "i32" },
});

const fds = addresses.map((address) => {
  if (address === "file") return c.dup(0);
  const where = /^\d+$/.test(address) ? { host: "127.0.0.1", port: Number(address) } : {
    path: address,
  };
  return Socket.listen(where).detach();
});
// Out of the way first: one of them may have a number that another is to get. Copies stay open in exec.
const high = fds.map((fd) => {
  for (;;) if ((fd = c.dup(fd)) > 3 + fds.length) return fd;
});

const native = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  const memory = new Native(bytes.length + 1);
  memory.bytes.set(bytes);
  return memory;
};
// $$ stays the pid in what exec starts: that is how LISTEN_PID can be known before.
const script = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec "$@"`;
const words = ["sh", "-c", script, "sh", ...command].map(native);
const argv = new Native((words.length + 1) * 8);
for (const [i, word] of words.entries()) {
  argv.view.setBigUint64(i * 8, BigInt(addressOf(word.pointer)), true);
}
const file = native("/bin/sh");
for (const fd of [0, 1, 2]) c.dup2(c.dup(fd), fd); // Node has made them close-on-exec
for (const [i, fd] of high.entries()) c.dup2(fd, 3 + i); // nothing of this runtime runs any more
libc.execv(file.pointer, argv.pointer);
