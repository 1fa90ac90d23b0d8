// Standard streams through a thread, as on Windows; the thread is the same on every system.
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { Input } from "../../lib/client/input.ts";
import { Loop } from "../../lib/client/loop.ts";
import { Output, ReaderGone } from "../../lib/client/output.ts";
import { Relay, type SpawnRelay } from "../../lib/client/relay.ts";
import { closeFd } from "../../lib/sys/posix.ts";
import { root } from "../support/cli.ts";
import { TempDir } from "../support/files.ts";
import { until } from "../support/waiting.ts";

const spawn: SpawnRelay = (role, data) =>
  new Worker(`${root}main.ts`, { workerData: { role, data } });
const relay = (way: "in" | "out") => (fd: number) => new Relay(spawn, way, fd);
const bytes = randomBytes(2_000_000);
const never = new AbortController().signal;

/** Opens a file for a test, which gets its descriptor. */
async function opened(path: string, flags: string, use: (fd: number) => Promise<void>) {
  const fd = openSync(path, flags);
  try {
    await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes all of it through an output, and waits until that is done. */
async function write(output: Output, all: Uint8Array): Promise<void> {
  using loop = new Loop();
  try {
    for (let at = 0; at < all.length;) {
      const count = Math.min(output.buffer.length, all.length - at);
      output.buffer.set(all.subarray(at, at + count));
      output.fill(count);
      if (!(await until(() => output.write(), 30_000))) throw new Error("it is stuck");
      at += count;
    }
    await output.finish(loop, never);
  } finally {
    closeFd(output.fd);
  }
}

describe("a stream through a thread", () => {
  it("is read to its end, and tells what of a file is ahead", async () => {
    using folder = new TempDir();
    writeFileSync(folder.file("in"), bytes);
    await opened(folder.file("in"), "r", async (fd) => {
      const input = new Input(fd, "file", false, relay("in"));
      expect(input.left).toBe(bytes.length);
      const parts: Uint8Array[] = [];
      await until(() => {
        while (!input.ended && input.read()) {
          parts.push(input.buffer.slice(input.start, input.end));
          input.take(input.end - input.start);
        }
        return input.ended;
      }, 30_000);
      expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
      expect(input.left).toBe(0);
      closeFd(input.fd);
    });
  });

  it("is an error when it can't be read", async () => {
    await opened("/", "r", async (fd) => {
      const input = new Input(fd, "file", false, relay("in"));
      let failure: Error | undefined;
      await until(() => {
        try {
          return input.read();
        } catch (error) {
          failure = error as Error;
          return true;
        }
      }, 30_000);
      expect(failure?.message).toMatch(/^Cannot read standard input: EISDIR/);
      closeFd(input.fd);
    });
  });

  it("has got all that was written once that is finished", async () => {
    using folder = new TempDir();
    await opened(folder.file("out"), "w", async (fd) => {
      await write(new Output(fd, "file", relay("out")), bytes);
      expect(Buffer.compare(readFileSync(folder.file("out")), bytes)).toBe(0);
    });
  });

  it("is an error when it is full, at the latest once that is finished", async () => {
    await opened("/dev/full", "w", async (fd) => {
      const written = write(new Output(fd, "device", relay("out")), bytes.subarray(0, 10));
      await expect(written).rejects.toThrow(/^Cannot write to stdout: ENOSPC/);
    });
  });

  it("has no reader any more when the pipe is broken", async () => {
    using folder = new TempDir();
    const path = folder.file("fifo");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    const reader = openSync(path, constants.O_RDWR);
    await opened(path, "w", async (fd) => {
      closeSync(reader);
      await expect(write(new Output(fd, "pipe", relay("out")), bytes)).rejects.toThrow(ReaderGone);
    });
  });
});
