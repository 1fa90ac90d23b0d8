// examples/systemd: units that systemd accepts, a command line that iomux accepts, and the real
// systemd-socket-activate, where the machine has these.
import { describe, expect } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getAvailablePort } from "../lib/net/mod.ts";
import { cliCommand, root, RunningServer, spawnCli } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { exchange } from "./support/peers.ts";
import { itUnless } from "./support/systems.ts";

const unit = (name: string) => readFileSync(join(root, "examples/systemd", name), "utf8");

/** Why a program can't be used; undefined when it can. */
const missing = (program: string) =>
  spawnSync(program, ["--version"]).status === 0 ? undefined : `there is no ${program}`;

describe("examples/systemd", () => {
  itUnless(undefined, "the command line of the service is one that iomux takes", async () => {
    const [, words] = /^ExecStart=iomux (.*)$/m.exec(unit("iomux.service"))!;
    await using cli = spawnCli([...words!.split(" "), "--help"]);
    expect((await cli.exit).code).toBe(0);
    const [name, ...options] = words!.split(" ");
    expect(name).toBe("serve");
    for (const option of options.filter((word) => word.startsWith("--"))) {
      expect(cli.stdout()).toContain(option);
    }
  });

  itUnless(missing("systemd-analyze"), "systemd-analyze finds nothing wrong with the units", () => {
    using folder = new TempDir();
    for (const name of ["iomux.service", "iomux.socket"]) {
      // A program that is certainly there.
      writeFileSync(
        folder.file(name),
        unit(name).replace("ExecStart=iomux", "ExecStart=/bin/true"),
      );
    }
    const files = [folder.file("iomux.service"), folder.file("iomux.socket")];
    execFileSync("systemd-analyze", ["verify", ...files], { stdio: "pipe" }); // throws what it says
  });

  itUnless(
    missing("systemd-socket-activate"),
    "iomux serve takes over what systemd-socket-activate has opened",
    async () => {
      using folder = new TempDir();
      const path = folder.file("socket");
      const port = getAvailablePort();
      const [command, args] = cliCommand(["serve", "--stats"]);
      const listen = ["-l", `127.0.0.1:${port}`, "-l", path];
      const passed = ["-E", `PATH=${process.env.PATH}`, "-E", `HOME=${process.env.HOME}`];
      await using server = new RunningServer([], {
        through: ["systemd-socket-activate", [...listen, ...passed, command, ...args]],
      });
      await server.says(/Listening on .*as 4/);
      // The first connection starts it.
      expect(new TextDecoder().decode(await exchange({ port }, "hello"))).toBe("hello");
      await server.says(/unix:.*\n/, "stdout");
      expect(server.stdout()).toBe(`listening on 127.0.0.1:${port}\nlistening on unix:${path}\n`);
      expect(new TextDecoder().decode(await exchange({ path }, "hello"))).toBe("hello");
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(server.lastStats().accepted).toBe(2);
    },
  );
});
