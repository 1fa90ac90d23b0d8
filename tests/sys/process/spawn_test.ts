// Other programs with a socket as stdin and stdout: started, waited for, and ended with all their kin.
import { describe, expect } from "bun:test";
import { socketPair } from "../../../lib/net/mod.ts";
import { DefaultSelector, EVENT_READ } from "../../../lib/selectors/mod.ts";
import { closeFd } from "../../../lib/sys/posix.ts";
import {
  type Ending,
  killGroup,
  openPidfd,
  Program,
  reap,
  SIGKILL,
} from "../../../lib/sys/process/spawn.ts";
import { system } from "../../../lib/sys/system.ts";
import { decode, encode, ownership, receive, thrownBy } from "../../support/sockets.ts";
import { itUnless, onWindows } from "../../support/systems.ts";
import { sleep } from "../../support/waiting.ts";

const NO_SPAWN = onWindows ? "Windows has no posix_spawn" : undefined;

async function ending(pid: number): Promise<Ending> {
  for (const deadline = performance.now() + 5000; performance.now() < deadline; await sleep(2)) {
    const end = reap(pid);
    if (end) return end;
  }
  killGroup(pid, SIGKILL);
  throw new Error("the child does not end");
}

describe("Program", () => {
  const own = ownership();
  const run = (command: string[], variables = {}) => {
    const [client, server] = own(...socketPair());
    server.setBlocking(true);
    const pid = new Program(command).start(server.fileno(), variables);
    server.close();
    return { client, pid };
  };

  itUnless(NO_SPAWN, "has the socket as stdin and stdout, arguments and variables", async () => {
    const script = 'read line; echo "$line $1 $PEER"; exit 7';
    const { client, pid } = run(["sh", "-c", script, "sh", "a b"], { PEER: "me" });
    client.send(encode("hello\n"));
    expect(await ending(pid)).toEqual({ code: 7, signal: 0 });
    expect(decode(receive(client, 100))).toBe("hello a b me\n");
  });

  itUnless(NO_SPAWN, "starts with no signal ignored: SIGPIPE and SIGTERM end it", async () => {
    const piped = run(["sh", "-c", "kill -PIPE $$; exit 0"]);
    expect(await ending(piped.pid)).toEqual({ code: -1, signal: 13 });
    const terminated = run(["sh", "-c", "kill -TERM $$; exit 0"]);
    expect(await ending(terminated.pid)).toEqual({ code: -1, signal: 15 });
  });

  itUnless(NO_SPAWN, "has no other socket of this process", async () => {
    own(...socketPair(), ...socketPair());
    const { client, pid } = run(["sh", "-c", "ls -l /dev/fd/ | grep -c socket"]);
    await ending(pid);
    expect(Number(decode(receive(client, 100)))).toBeLessThanOrEqual(3); // stderr may be one, too
  });

  itUnless(NO_SPAWN, "killGroup() ends its children, too", async () => {
    const { client, pid } = run(["sh", "-c", "sleep 100 & sleep 100"]);
    await sleep(50);
    killGroup(pid, SIGKILL);
    expect(await ending(pid)).toEqual({ code: -1, signal: 9 });
    expect(receive(client, 1).length).toBe(0); // the last of them has let go of the socket
    expect(client.recv(new Uint8Array(1))).toBe(0);
  });

  const noVfork = process.env.IOMUX_TEST_SLOW ? "qemu's vfork shares no memory" : undefined;
  itUnless(NO_SPAWN ?? noVfork, "that does not exist: ENOENT, which names it", () => {
    const error = thrownBy(() => run(["no-such-program-here"]));
    expect(error.message).toMatch(/Cannot start no-such-program-here: ENOENT/);
  });

  const noPidfd = system === "linux" ? undefined : "only Linux has pidfds";
  itUnless(noPidfd, "openPidfd() is readable when the child has ended, on a selector", async () => {
    const { pid } = run(["sh", "-c", "sleep 0.2"]);
    const fd = openPidfd(pid);
    expect(fd).toBeGreaterThan(2);
    using selector = new DefaultSelector();
    selector.register(fd, EVENT_READ);
    expect(selector.select(20)).toEqual([]);
    expect(selector.select(5000).length).toBe(1);
    expect(reap(pid)).toEqual({ code: 0, signal: 0 });
    selector.unregister(fd);
    closeFd(fd);
    await sleep(0);
  });
});
