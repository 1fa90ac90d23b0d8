// One system call fails from a moment on (seccomp): [number, errno]. Prints what each action of the library
// then comes to, how many descriptors are left open, and whether what was registered before still works.
import { readdirSync, writeSync } from "node:fs";
import { dial, OSError, Socket, socketPair } from "../../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
} from "../../../lib/selectors/mod.ts";
import { duplicate } from "../../../lib/sys/posix.ts";
import { closeFd } from "../../../lib/sys/posix.ts";
import { forbid } from "../seccomp.ts";

const [number, error] = process.argv.slice(2).map(Number) as [number, number];
const names = availableSelectors().filter((s) => s.available).map((s) => s.name);

// All that an action needs is made before the call fails.
const listener = Socket.listen({ host: "127.0.0.1" });
const { port } = listener;
const waiting = Socket.connect({ port, timeoutMs: 5000 });
const kept = [listener.accept(), ...socketPair()] as const;
const selectors = names.map((name) => createSelector<string>(name));
const pairs = names.map(() => socketPair());
for (const [i, selector] of selectors.entries()) selector.register(pairs[i]![0], EVENT_READ, "old");
const [a, b] = socketPair();
b.send(new Uint8Array(4));

const actions: Record<string, () => unknown> = {
  listen: () => Socket.listen({ host: "127.0.0.1" }).close(),
  "listen on ::1": () => Socket.listen({ host: "::1" }).close(),
  "connect, waiting": () => Socket.connect({ port, timeoutMs: 2000 }).close(),
  connect: () => Socket.connect({ port, bind: { host: "127.0.0.1" } }).close(),
  accept: () => listener.accept()?.close(),
  socketPair: () => socketPair().forEach((socket) => socket.close()),
  duplicate: () => closeFd(duplicate(a.fileno())),
  recv: () => a.recv(new Uint8Array(4)),
  send: () => a.send(new Uint8Array(4)),
  localAddress: () => listener.localAddress,
  remoteAddress: () => waiting.remoteAddress,
  takeError: () => waiting.takeError(),
  options:
    () => (waiting.setNoDelay(true), waiting.setLinger(0), waiting.setTimeouts({ recvMs: 1 })),
  setBlocking: () => (waiting.setBlocking(true), waiting.setBlocking(false)),
  shutdown: () => kept[1].shutdown("write"),
};
for (const [i, selector] of selectors.entries()) {
  const of = (what: string) => `${selector.name}: ${what}`;
  actions[of("make")] = () => createSelector(selector.name).close();
  actions[of("register")] = () => {
    selector.register(b, EVENT_READ, "new");
    selector.unregister(b);
  };
  actions[of("modify")] = () => {
    selector.register(b, EVENT_READ, "new");
    selector.modify(b, EVENT_READ | EVENT_WRITE, "new");
    selector.unregister(b);
  };
  actions[of("wait")] = () => selector.select(1);
  actions[of("wakeHandle")] = () => void selector.wakeHandle();
  actions[of("left")] = () => {
    if (selector.getMap().size !== 1) throw new Error(`${selector.getMap().size} are registered`);
    pairs[i]![1].send(Uint8Array.of(1));
    const [entry] = selector.select(200);
    if (entry?.[0].data !== "old") throw new Error("what was registered before is not reported");
  };
}

const open = () => readdirSync("/proc/self/fd").length;
const outcomes: Record<string, string> = {};
// Once before: what a thread keeps for good is there, and nothing fails yet.
for (const name of Object.keys(actions)) {
  try {
    actions[name]!();
  } catch (thrown) {
    outcomes[name] = `before: ${thrown}`;
  }
}
const before = open();
if (!forbid(number, error)) {
  writeSync(1, `${JSON.stringify({ refused: true })}\n`);
  process.exit(0);
}
for (const [name, action] of Object.entries(actions)) {
  try {
    action();
    outcomes[name] ??= "ok";
  } catch (thrown) {
    const { code, cause } = thrown as { code?: string; cause?: unknown };
    const system = thrown instanceof OSError
      ? thrown
      : cause instanceof OSError
      ? cause
      : undefined;
    outcomes[name] = system ? system.code : `${code ?? ""}${thrown}`;
  }
}
await dial({ port, timeoutMs: 300 }).then(
  (socket) => (socket.close(), outcomes.dial = "ok"),
  (thrown) => outcomes.dial = thrown instanceof OSError ? thrown.code : String(thrown),
);
writeSync(1, `${JSON.stringify({ outcomes, leaked: open() - before })}\n`);
process.exit(0);
