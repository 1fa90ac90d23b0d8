// The Server class with threads of this process: which of them does what, and when one can't start.
import { describe, expect, it } from "bun:test";
import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import { COUNTER, Counters } from "../../lib/engine/mod.ts";
import { socketPair } from "../../lib/net/mod.ts";
import type { SelectorName } from "../../lib/selectors/mod.ts";
import { SERVE_DEFAULTS, type ServeOptions } from "../../lib/serve/options.ts";
import { Server, type Spawn } from "../../lib/serve/server.ts";
import { ServerStats } from "../../lib/serve/stats.ts";
import { closeFd, duplicate } from "../../lib/sys/posix.ts";
import { dialError, exchange, Peer } from "../support/peers.ts";

const main = new URL("../../main.ts", import.meta.url);
const options: ServeOptions = {
  ...SERVE_DEFAULTS,
  ...{ host: "127.0.0.1", port: 0, maxConnections: 100 },
};

/** Starts threads as main.ts does, and keeps their counters. */
function spawner(): { spawn: Spawn; counters: Counters[]; ended: () => number } {
  const counters: Counters[] = [];
  let ended = 0;
  const spawn: Spawn = (role, data) => {
    counters.push(new Counters(data.counters));
    const worker = new Worker(main, { workerData: { role, data } });
    worker.on("exit", () => void ended++);
    return worker;
  };
  return { spawn, counters, ended: () => ended };
}

const portOf = (server: Server) => Number(server.name.split(":").at(-1));

describe("Server", () => {
  it("with 2 workers: connections reach both", async () => {
    const { spawn, counters } = spawner();
    const server = await Server.start({ ...options, workers: 2 }, spawn);
    const port = portOf(server);
    for (let i = 0; i < 60; i++) expect((await exchange({ port }, "hello")).length).toBe(5);
    const accepted = counters.map(({ slots }) => slots[COUNTER.accepted]!);
    expect(accepted.length).toBe(2);
    for (const each of accepted) expect(each).toBeGreaterThan(0);
    expect(server.stats().accepted).toBe(60);
    expect(await server.drain()).toBe(0);
    expect(dialError({ port })).toBe("ECONNREFUSED");
  });

  it("stop() cuts what is open, and says how much that was", async () => {
    const { spawn, ended } = spawner();
    const server = await Server.start({ ...options, workers: 2 }, spawn);
    const peers = Array.from({ length: 5 }, () => Peer.dial({ port: portOf(server) }));
    for (const peer of peers) {
      await peer.send("?");
      await peer.text(1);
    }
    expect(server.stats().active).toBe(5);
    expect(await server.stop()).toBe(5);
    expect(ended()).toBe(2);
    for (const peer of peers) expect(await peer.isOver()).toBe(true);
    expect(server.stats().active).toBe(0);
  });

  it("stop() right after drain() is heard, whatever the thread is doing", async () => {
    for (let round = 0; round < 15; round++) {
      const { spawn } = spawner();
      const server = await Server.start({ ...options, drainMs: 20_000 }, spawn);
      using peer = Peer.dial({ port: portOf(server) });
      await peer.send("?");
      await peer.text(1);
      const start = performance.now();
      void server.drain();
      while (performance.now() - start < round * 0.03);
      expect(await server.stop()).toBe(1);
      expect(performance.now() - start).toBeLessThan(8000);
    }
  });

  it("drain() with connections that end: 0 were cut", async () => {
    const { spawn } = spawner();
    const server = await Server.start(options, spawn);
    using peer = Peer.dial({ port: portOf(server) });
    await peer.send("?");
    await peer.text(1);
    const drained = server.drain();
    await peer.send("last words");
    peer.end();
    expect((await peer.readToEnd()).length).toBe(10);
    expect(await drained).toBe(0);
  });

  it("a thread that fails to start: start() rejects with its error, and no thread is left", async () => {
    const { spawn, ended } = spawner();
    let sabotaged = 0;
    const failing: Spawn = (role, data) => {
      // The second thread gets a selector that does not exist here.
      const selector: SelectorName = sabotaged++ === 1 ? "kqueue" : "poll";
      return spawn(role, { ...data, options: { ...data.options, selector } });
    };
    let error: Error | undefined;
    await Server.start({ ...options, workers: 3 }, failing).catch((e) => error = e);
    expect(error?.message).toMatch(/kqueue/);
    expect(ended()).toBe(3);
  });
});

describe("Server, when a thread is ended from outside", () => {
  // As Node does when its heap is full. No test can do that to a real one on every runtime.
  it("its connections stay open and nobody has them: the server ends rather than let peers wait", async () => {
    const [a, b] = socketPair();
    const spawn: Spawn = (_, { listenerFds }) => {
      for (const fd of listenerFds) closeFd(fd);
      const thread = Object.assign(new EventEmitter(), { terminate: () => Promise.resolve() });
      const wakeFd = duplicate(a.fileno());
      setTimeout(() => thread.emit("message", { type: "ready", wakeFd, selector: "poll" }), 1);
      setTimeout(() => {
        thread.emit("error", new Error("out of memory"));
        thread.emit("exit", 1);
      }, 30);
      return thread;
    };
    const replaced: string[] = [];
    const server = await Server.start(options, spawn, { replaced: (text) => replaced.push(text) });
    const end = await server.done.then(() => "in order", (error) => error.message);
    expect(end).toBe("Worker 1 was ended: out of memory");
    expect(replaced).toEqual([]);
    expect(dialError({ port: portOf(server) })).toBe("ECONNREFUSED");
    a.close();
    b.close();
  });
});

describe("ServerStats", () => {
  it("admits up to the limit, and again after one has left", () => {
    const stats = ServerStats.create(2);
    expect([1, 2, 3, 4].map(() => stats.enter(3))).toEqual([true, true, true, false]);
    expect(stats.collect().peak).toBe(3);
    stats.leave();
    expect(stats.enter(3)).toBe(true);
    expect(stats.enter(3)).toBe(false);
    const other = new ServerStats(stats.memory); // another thread's view
    other.leave();
    expect(stats.enter(4)).toBe(true);
    expect(stats.enter(4)).toBe(true);
    expect(stats.enter(4)).toBe(false);
    expect(other.collect().peak).toBe(4);
  });
});
