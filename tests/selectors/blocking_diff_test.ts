// A blocking wait held against the kernel's own answer: while this thread waits on a selector, another one
// acts; a raw epoll set on a duplicate of the same descriptor, in the same mode, must then say the same.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  availableSelectors,
  createSelector,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  type WatchOptions,
} from "../../lib/selectors/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { Native, open } from "../../lib/sys/ffi.ts";
import {
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLL_EVENT,
  epollCreate,
  EPOLLET,
  EPOLLONESHOT,
  epollWait,
  eventfd,
} from "../../lib/sys/linux/epoll.ts";
import { c, closeFd, duplicate } from "../../lib/sys/posix.ts";
import { system } from "../../lib/sys/system.ts";
import type { Act, Deed } from "../support/actor_worker.ts";
import { TempDir } from "../support/files.ts";
import { pipe, tcpPair } from "../support/sockets.ts";

const [IN, PRI, OUT, ERR, HUP] = [1, 2, 4, 8, 16];
const O_RDWR_NOCTTY = 2 | 0o400;

/** Something to wait for, what can be done to it, and what keeps it. */
interface Fixture extends Disposable {
  readonly fd: number;
  readonly deeds: readonly [act: Act, fd: number, what?: string | number][];
}

const libc = system === "linux"
  ? open(["libc.so.6", "libc.so"], {
    open: { args: ["buffer", "i32"], result: "i32" }, // Deno opens no device by itself
    timerfd_create: { args: ["i32", "i32"], result: "i32" },
    inotify_init1: { args: ["i32"], result: "i32" },
    inotify_add_watch: { args: ["i32", "buffer", "i32"], result: "i32" },
  })
  : undefined;

const stream = ([a, b]: [Socket, Socket], ends: Act[]): Fixture => ({
  fd: a.fileno(),
  deeds: [
    ["write", b.fileno()],
    ["write", b.fileno()],
    ...ends.map((act): [Act, number] => [
      act,
      b.fileno(),
    ]),
  ],
  [Symbol.dispose]: () => {
    a.close();
    b.detach(); // closed by the other thread, or with the process
  },
});

function pty(): Fixture {
  const device = (path: string) =>
    check(libc!.open(new TextEncoder().encode(`${path}\0`), O_RDWR_NOCTTY), "open");
  const master = device("/dev/ptmx");
  const number = new Native(8);
  c.ioctl(master, 0x40045431, number.pointer); // TIOCSPTLCK: unlock
  check(c.ioctl(master, 0x80045430 | 0, number.pointer), "ioctl"); // TIOCGPTN: which one
  const slave = device(`/dev/pts/${number.int32[0]}`);
  return {
    fd: master,
    deeds: [["write", slave], ["write", slave], ["close", slave]],
    [Symbol.dispose]: () => closeFd(master),
  };
}

function bare(fd: number, act: Act, what?: string | number): Fixture {
  return {
    fd,
    deeds: Array.from({ length: 4 }, () => [act, fd, what] as const),
    [Symbol.dispose]: () => closeFd(fd),
  };
}

function inotify(folder: TempDir): Fixture {
  const fd = libc!.inotify_init1(0o4000);
  libc!.inotify_add_watch(fd, new TextEncoder().encode(`${folder.path}\0`), 2); // IN_MODIFY
  return bare(fd, "touch", folder.file("touched"));
}

function listener(): Fixture {
  const socket = Socket.listen({ host: "127.0.0.1" });
  return {
    fd: socket.fileno(),
    deeds: Array.from({ length: 3 }, () => ["connect", -1, socket.port] as const),
    [Symbol.dispose]: () => socket.close(),
  };
}

function pipeEnd(): Fixture {
  const [reader, writer] = pipe();
  const fd = writer.fileno();
  return {
    fd: reader.fileno(),
    deeds: [["write", fd], ["write", fd], ["close", fd]],
    [Symbol.dispose]: () => reader.close(),
  };
}

const FIXTURES: Record<string, (folder: TempDir) => Fixture> = {
  "a TCP socket whose peer ends its side": () => stream(tcpPair(), ["shutdown", "write"]),
  "a TCP socket whose peer closes": () => stream(tcpPair(), ["close"]),
  "a TCP socket whose peer resets": () => stream(tcpPair(), ["reset"]),
  "a TCP socket with urgent data": () => stream(tcpPair(), ["urgent", "write", "urgent"]),
  "a Unix socket whose peer closes": () => stream(socketPair(), ["shutdown", "close"]),
  "a pipe": pipeEnd,
  "a pty": pty,
  "an eventfd": () => bare(eventfd(), "count"),
  "a timerfd": () => bare(libc!.timerfd_create(1, 0o4000), "expire"),
  inotify,
  "a listening socket": listener,
};

/** A raw epoll set with one descriptor. */
class Reference implements Disposable {
  readonly #epfd = epollCreate();
  readonly #fd: number;
  readonly #event = new Native(16);
  readonly #events = new Native(16);

  constructor(fd: number, events: number, mode: WatchOptions) {
    this.#fd = duplicate(fd);
    this.#event.int32[0] = (events & EVENT_READ ? IN : 0) | (events & EVENT_WRITE ? OUT : 0) |
      (mode.priority ? PRI : 0) | (mode.edge ? EPOLLET : 0) | (mode.oneshot ? EPOLLONESHOT : 0);
    epoll_ctl(this.#epfd, EPOLL_CTL_ADD, this.#fd, this.#event.pointer);
  }

  arm(): void {
    epoll_ctl(this.#epfd, EPOLL_CTL_MOD, this.#fd, this.#event.pointer);
  }

  /** The EVENT_* bits that the kernel reports within the time; 0 for nothing. */
  wait(ms: number, asked: number, hangUp: number): number {
    if (epollWait(this.#epfd, this.#events.pointer, 16 / EPOLL_EVENT.size | 0, ms) < 1) return 0;
    const bits = this.#events.int32[0]!;
    return ((bits & (IN | ERR) ? EVENT_READ : 0) | (bits & (OUT | ERR) ? EVENT_WRITE : 0) |
      (bits & HUP ? hangUp : 0) | (bits & PRI ? EVENT_PRIORITY : 0)) & asked;
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
    closeFd(this.#epfd);
  }
}

const QUIET_MS = 8;
/** Longer than the other thread takes on a quiet machine. */
const WAIT_MS = 60;

/** How often a side reported, and which events. */
interface Reported {
  readonly events: number;
  readonly reports: number;
}

const both = (a: Reported, b: Reported): Reported => ({
  events: a.events | b.events,
  reports: a.reports + b.reports,
});

/** All that one side reports until it is quiet. */
function gather(wait: (ms: number) => number, firstMs: number, most: number): Reported {
  let events = 0, reports = 0;
  for (let found = wait(firstMs); found !== 0 && reports < most; found = wait(QUIET_MS)) {
    events |= found;
    reports++;
  }
  return { events, reports };
}

const MODES: readonly WatchOptions[] = [{}, { edge: true }, { oneshot: true }];
const show = (mode: WatchOptions) => Object.keys(mode).join() || "level";
const nameOf = (events: number) => ["-", "R", "W", "RW", "P", "RP", "WP", "RWP"][events];

(system === "linux" ? describe : describe.skip)("a blocking wait, beside a raw epoll set", () => {
  let actor: Worker;
  const folder = new TempDir();
  beforeAll(async () => {
    actor = new Worker(new URL("../support/actor_worker.ts", import.meta.url));
    await once(actor, "message");
  });
  afterAll(async () => {
    await actor.terminate();
    folder[Symbol.dispose]();
  });
  const later = (deed: Deed) => {
    const done = once(actor, "message");
    actor.postMessage(deed);
    return done;
  };

  for (const { name, available } of availableSelectors()) {
    if (!available) continue;
    for (const mode of MODES) {
      if (name !== "epoll" && show(mode) !== "level") continue;
      for (const [kind, make] of Object.entries(FIXTURES)) {
        it(`${name}, ${show(mode)}: ${kind}`, async () => {
          for (const events of [EVENT_READ, EVENT_READ | EVENT_WRITE]) {
            for (const consumes of [true, false]) {
              using fixture = make(folder);
              using selector = createSelector<undefined>(name);
              await compare(selector, fixture, events, { ...mode, priority: true }, consumes);
            }
          }
        });
      }
    }
  }

  async function compare(
    selector: Selector<undefined>,
    { fd, deeds }: Fixture,
    events: number,
    mode: WatchOptions,
    consumes: boolean,
  ): Promise<void> {
    const asked = events | EVENT_PRIORITY;
    selector.register(fd, events, undefined, mode);
    using reference = new Reference(fd, events, mode);
    const ours = (ms: number) => selector.select(ms)[0]?.[1] ?? 0;
    // select(2) does not report a hang-up alone to writers, see docs/selectors.md.
    const hangUp = selector.name === "select" ? EVENT_READ : EVENT_READ | EVENT_WRITE;
    const raw = (ms: number) => reference.wait(ms, asked, hangUp);
    const most = mode.edge || mode.oneshot ? 50 : 1;
    gather(ours, QUIET_MS, most); // room to write is there from the start
    gather(raw, QUIET_MS, most);
    for (const [step, [act, target, what]] of deeds.entries()) {
      const done = later({ act, fd: target, what, afterMs: 5 });
      let mine = gather(ours, WAIT_MS, most);
      await done;
      if (mine.reports === 0) mine = gather(ours, QUIET_MS, most); // the other thread was late
      let theirs = gather(raw, QUIET_MS, most);
      // An edge that came before the other thread acted, as reading makes one, ended the wait too soon.
      if (mode.edge && mine.events !== theirs.events) {
        mine = both(mine, gather(ours, WAIT_MS, most));
      }
      // A level may change between the two questions, and is what both say in the end.
      for (let tries = 0; most === 1 && mine.events !== theirs.events && tries < 20; tries++) {
        [mine, theirs] = [gather(ours, QUIET_MS, 1), gather(raw, QUIET_MS, 1)];
      }
      const said = (side: Reported) =>
        `step ${step} (${act}): ${nameOf(side.events)}${side.reports > 0 ? "" : ", no report"}`;
      if (mode.oneshot) {
        // The first of two bits may have been all that there was when the wait ended.
        expect(said({ ...mine, events: 0 })).toBe(said({ ...theirs, events: 0 }));
        expect(mine.events & ~theirs.events).toBe(0);
        expect(mine.reports).toBeLessThan(2);
      } else expect(said(mine)).toBe(said(theirs));
      if (consumes) c.readBytes(fd, new Uint8Array(new ArrayBuffer(4096)), 4096);
      if (!mode.oneshot || step % 2 === 0) continue;
      selector.modify(fd, events, undefined);
      reference.arm();
    }
  }
});
