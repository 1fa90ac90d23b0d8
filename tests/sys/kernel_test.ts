// What the kernel tells of TCP, of its own trouble, and of the machine's CPUs.
import { describe, expect, it } from "bun:test";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  kernelRise,
  readKernelCounters,
  softnetOf,
  tableOf,
} from "../../lib/sys/machine/kernel_counters.ts";
import { machineCpuOf, readMachineCpu } from "../../lib/sys/machine/cpu.ts";
import { system } from "../../lib/sys/system.ts";
import { tcpInfo } from "../../lib/sys/socket/tcp_info.ts";
import { until } from "../support/waiting.ts";

const onLinux = system === "linux";
/** Not for a sandbox, and not below qemu, which does not pass TCP_INFO on. */
const counters = readKernelCounters();

/** A listener whose queue has room for `backlog` + 1 newcomers, and that accepts nobody. */
const fullSoon = (backlog: number) => Socket.listen({ host: "127.0.0.1", port: 0, backlog });

describe("tcpInfo()", () => {
  it("tells of a connection's round trip and of what is under way", async () => {
    using listener = fullSoon(1);
    const { port } = listener.localAddress as { port: number };
    using client = Socket.connect({ host: "127.0.0.1", port });
    await until(() => tcpInfo(client.fileno()) === null || client.takeError() === null);
    const info = tcpInfo(client.fileno());
    if (info === null) return console.log("not run: tcpInfo(): the system does not tell");
    expect(info.rttUs > 0 && info.rttUs < 10_000_000).toBe(true);
    expect(info.congestionWindow > 0 && info.congestionWindow < 100_000).toBe(true);
    expect(info.retransmits).toBe(0);
    expect(info.lost).toBe(0);
    client.send(new Uint8Array(new ArrayBuffer(1 << 20)));
    // The peer's kernel acknowledges what it has room for, and of that all.
    expect(tcpInfo(client.fileno())!.unacknowledged < 1000).toBe(true);
  });

  it("is null for what is no TCP connection", () => {
    const [one, other] = socketPair();
    if (onLinux) expect(tcpInfo(one.fileno())).toBe(null);
    one.close();
    other.close();
    expect(tcpInfo(-1)).toBe(null);
  });
});

describe("the kernel's counters", () => {
  it("are read from the lines of names and values", () => {
    const text = "TcpExt: A ListenDrops\nTcpExt: 5 17\nIpExt: A B\nIpExt: 1 2\n";
    expect([...tableOf(text, "TcpExt")]).toEqual([["A", 5], ["ListenDrops", 17]]);
    expect([...tableOf(text, "Tcp")]).toEqual([]);
  });

  it("of the cards' queues are hexadecimal, and one line for each CPU", () => {
    const text = "0bb9415e 00000452 0000001f 00000000\n0be35835 00000001 00000001 00000000\n";
    expect(softnetOf(text)).toEqual({ SoftnetDropped: 0x453, SoftnetSqueezed: 0x20 });
  });

  it("rise by what happened in between, and never fall", () => {
    expect(kernelRise({ A: 1, B: 2, old: 3 }, { A: 4, B: 1, fresh: 9 })).toEqual({ A: 3, B: 0 });
    expect(kernelRise(null, { A: 1 })).toBe(null);
    expect(kernelRise({ A: 1 }, null)).toBe(null);
  });

  it("show that an accept queue was full", async () => {
    if (counters === null) return console.log("not run: the kernel's counters can't be read here");
    using listener = fullSoon(1);
    const { port } = listener.localAddress as { port: number };
    const clients = Array.from({ length: 8 }, () => Socket.connect({ host: "127.0.0.1", port }));
    const overflows = () => kernelRise(counters, readKernelCounters())!.ListenOverflows! > 0;
    const seen = await until(overflows);
    for (const client of clients) client.close();
    expect(seen).toBe(true);
  });
});

describe("the machine's CPU time", () => {
  it("is read from the first line, in ticks of 10 ms", () => {
    const text = "cpu  100 10 50 9000 7 3 2 4 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
    expect(machineCpuOf(text)).toEqual({ busyMs: 1650, source: "/proc/stat", stealMs: 40 });
  });

  it("rises while something is computed", async () => {
    const before = readMachineCpu();
    if (before === null) return console.log("not run: the machine's CPU time is not known");
    const rose = await until(() => {
      for (let i = 0; i < 1e6; i++) Math.sqrt(i);
      return readMachineCpu()!.busyMs > before.busyMs;
    }, 5000);
    expect(rose).toBe(true);
  });
});
