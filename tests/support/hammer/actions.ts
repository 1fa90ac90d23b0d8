// The actions of the hammer. Each takes its random numbers modulo what there is, so that any list of
// actions can be carried out, and a failing list can be made shorter.
import { Socket, WOULD_BLOCK } from "../../../lib/net/mod.ts";
import {
  AlreadyRegisteredError,
  NotRegisteredError,
  OSError,
  wake,
} from "../../../lib/selectors/mod.ts";
import type { End, Kind, Registered } from "./model.ts";
import { expectSame, type World } from "./world.ts";

/** What is to be done: a name, and numbers that say with which descriptor and how. */
export interface Action {
  readonly name: Exclude<keyof typeof actions, symbol>;
  readonly which: number;
  readonly how: number;
}

const buffer = new Uint8Array(new ArrayBuffer(1 << 16));
const KINDS: readonly Kind[] = ["unix", "tcp"];

const openOf = (world: World, which: number): [fd: number, end: End] | undefined => {
  const { open } = world;
  return open[which % open.length];
};
const registeredOf = (world: World, which: number): Registered | undefined =>
  [...world.registered.values()][which % world.registered.size];

function expectThrown(action: () => unknown, type: new (...args: any[]) => Error, code?: string) {
  try {
    action();
  } catch (error) {
    const right = error instanceof type && (code === undefined || (error as OSError).code === code);
    if (right) return;
    throw error;
  }
  throw new Error(`nothing was thrown where ${type.name} ${code ?? ""} should be`);
}

/** Reads `wanted` bytes that are there or on their way. */
function read(end: End, fd: number, wanted: number): void {
  const socket = Socket.fromFd(fd);
  const start = performance.now();
  for (let left = wanted; left > 0;) {
    const received = socket.recv(buffer.subarray(0, Math.min(left, buffer.length)));
    if (received > 0) left -= received;
    else if (received === 0 || performance.now() - start > 1000) {
      throw new Error(`${end.kind} descriptor ${fd}: ${left} of ${wanted} bytes are missing`);
    }
  }
  end.inbound -= wanted;
  if (end.inbound === 0) {
    end.sends = 0;
    end.peer.full = false;
  }
}

export const actions = {
  connect: (world: World, _which: number, how: number) => world.connect(KINDS[how % 2]!),

  register(world: World, which: number, how: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    const events = 1 + how % 3;
    if (!end) return;
    if (!world.registered.has(fd)) return world.register(fd, end, events);
    expectThrown(() => world.selector.register(fd, events, fd), AlreadyRegisteredError);
  },

  modify(world: World, which: number, how: number) {
    const registered = registeredOf(world, which);
    if (!registered) return;
    const { fd, fate, key } = registered;
    const events = 1 + how % 3;
    const modify = () => registered.key = world.selector.modify(fd, events, fd);
    if (events === key.events) return expectSame(modify(), key, "the key of an idle modify()");
    if (fate === "open") return void modify();
    // The kernel refuses a closed number; one that lives again is refused only where it is kept there.
    try {
      modify();
      if (fate === "closed") throw new Error(`modify() of the closed descriptor ${fd} went well`);
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      if (fate === "closed") expectSame(error.code, "EBADF", "modify() of a closed number");
      world.registered.delete(registered.fd);
    }
  },

  unregister(world: World, which: number) {
    const registered = registeredOf(world, which);
    if (registered) world.unregister(registered);
  },

  unknown(world: World, which: number, how: number) {
    const [fd] = openOf(world, which) ?? [7777];
    if (world.registered.has(fd)) return;
    const { selector } = world;
    const calls = [
      () => selector.unregister(fd),
      () => selector.getKey(fd),
      () => selector.modify(fd, 1, fd),
    ];
    expectThrown(calls[how % 3]!, NotRegisteredError);
  },

  /** A number that is not open: nothing of it may stay. */
  refused(world: World, _which: number, how: number) {
    const { selector } = world;
    expectThrown(() => selector.register(900 + how % 100, 1 + how % 3, 0), OSError, "EBADF");
  },

  send(world: World, which: number, how: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end?.canSend) return;
    const length = 1 + how % 500;
    expectSame(Socket.fromFd(fd).send(buffer, 0, length), length, `send(${length}) to ${fd}`);
    end.peer.inbound += length;
    end.peer.sends++;
  },

  /** Of Unix sockets: how full those of TCP are, acknowledgements decide at times of their own. */
  fill(world: World, which: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end?.canSend || end.kind === "tcp") return;
    const socket = Socket.fromFd(fd);
    for (let sent = 0; sent !== WOULD_BLOCK; sent = socket.send(buffer)) end.peer.inbound += sent;
    end.full = true;
  },

  read(world: World, which: number, how: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end || end.inbound === 0 || end.error) return;
    if (end.kind === "tcp" && end.receiveShut) return;
    // All of it where the sender waits: how much room a part makes, is for the kernel to say.
    const part = end.peer.full || how % 2 === 0 ? end.inbound : 1 + how % end.inbound;
    read(end, fd, part);
  },

  shutdown(world: World, which: number, how: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end?.canShutdown) return;
    const direction = (["write", "write", "read", "both"] as const)[how % 4]!;
    try {
      Socket.fromFd(fd).shutdown(direction);
    } catch (error) {
      // Both directions of a TCP connection have ended already, and the connection with them.
      if (end.kind === "tcp" && (error as OSError).code === "ENOTCONN") return;
      throw error;
    }
    end.shutdown(direction !== "write", direction !== "read");
  },

  /** As it should be done: unregister first. */
  close(world: World, which: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end) return;
    const registered = world.registered.get(fd);
    if (registered) world.unregister(registered);
    world.close(fd, end);
  },

  /** Behind the selector's back. */
  drop(world: World, which: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (end) world.close(fd, end);
  },

  reset(world: World, which: number, how: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (!end || end.fds.size > 1) return;
    const registered = world.registered.get(fd);
    if (registered && how % 2 === 0) world.unregister(registered);
    world.close(fd, end, true);
  },

  duplicate(world: World, which: number) {
    const [fd, end] = openOf(world, which) ?? [-1];
    if (end) world.duplicate(fd, end);
  },

  wakeup(world: World) {
    world.selector.wakeup();
    world.woken = true;
  },

  wake(world: World) {
    wake(world.selector.wakeHandle());
    world.pinged = true;
  },

  /** Nothing is ready, so a wait has to take its time. */
  wait(world: World, _which: number, how: number) {
    const { selector, name } = world;
    for (const registered of world.registered.values()) {
      if (registered.forecast(name).may) return;
    }
    const early = world.woken || world.pinged;
    const timeoutMs = early ? 100 : [0.1, 0.5, 1, 1.3][how % 4]!;
    const start = performance.now();
    const ready = selector.select(timeoutMs);
    const took = performance.now() - start;
    world.woken = world.pinged = false;
    expectSame(ready.length, 0, "a wait with nothing ready");
    if (!early && took < timeoutMs) throw new Error(`select(${timeoutMs}) took ${took} ms`);
    if (early && took >= timeoutMs) throw new Error(`select(${timeoutMs}) was not woken`);
  },
};
