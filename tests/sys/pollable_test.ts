import { describe, expect, it } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { ERRNO } from "../../lib/sys/errno.ts";
import { cannotWatch, checkPollable } from "../../lib/sys/pollable.ts";
import { TempDir } from "../support/files.ts";
import { socketPair } from "../../lib/net/mod.ts";
import { itUnless, NO_FILES, onWindows } from "../support/systems.ts";
import { ownership, pipe, thrownBy } from "../support/sockets.ts";

describe("checkPollable()", () => {
  const own = ownership();

  it(`accepts a ${onWindows ? "socket" : "pipe"}, again and again`, () => {
    const [reader] = own(...(onWindows ? socketPair() : pipe()));
    for (let i = 0; i < 3; i++) checkPollable(reader.fileno());
  });

  it("refuses a closed descriptor with EBADF", () => {
    const [reader] = own(...(onWindows ? socketPair() : pipe()));
    const fd = reader.fileno();
    reader.close();
    expect(thrownBy(() => checkPollable(fd)).code).toBe("EBADF");
  });

  itUnless(NO_FILES, "refuses a regular file and a directory with EPERM", () => {
    using folder = new TempDir();
    for (const [path, flags] of [[folder.file("a"), "w"], [folder.path, "r"]] as const) {
      const fd = openSync(path, flags);
      try {
        const error = thrownBy(() => checkPollable(fd));
        expect(error.message).toBe(cannotWatch(ERRNO.EPERM!, fd).message);
        expect(error.code).toBe("EPERM");
      } finally {
        closeSync(fd);
      }
    }
  });
});
