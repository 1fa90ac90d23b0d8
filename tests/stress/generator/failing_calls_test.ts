// Every C function whose result matters to a load fails once: the run ends with a line that says so, or it
// costs one connection, which is counted, and every file is written.
import { describe, expect, it } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { spawnCli, startServe } from "../../support/cli.ts";
import { failing, type FailingCall, NO_FAILING, titleOf } from "../../support/failing.ts";
import { TempDir } from "../../support/files.ts";
import { inNamespace, NO_NAMESPACE } from "../../support/namespaces.ts";
import { itUnless } from "../../support/systems.ts";

const ENDS: readonly FailingCall[] = [
  ["epoll_ctl", "ENOMEM", 1, "load"],
  ["eventfd", "EMFILE", 1, "load"],
  ["fcntl", "EMFILE", 1, "load"],
  ["getrusage", "EINVAL", 1, "load"],
];

const COSTS_ONE: readonly [row: FailingCall, code: number, error: string][] = [
  [["socket", "EMFILE", 2, "load"], 3, "EMFILE"],
  [["connect", "ENETUNREACH", 2, "load"], 3, "ENETUNREACH"],
  [["connect", "ETIMEDOUT", 2, "load"], 4, "ETIMEDOUT"],
  [["epoll_ctl", "ENOSPC", 2, "load"], 3, "ENOSPC"],
  [["epoll_ctl", "ENOSPC", 3, "load"], 5, "ENOSPC"],
  [["setsockopt", "ENOMEM", 1, "load"], 3, "ENOMEM"],
  [["syscall 44", "ENOBUFS", 3, "load"], 5, "ENOBUFS"], // sendto
  [["syscall 45", "ENOMEM", 3, "load"], 5, "ENOMEM"], // recvfrom
];

const DOES_WITHOUT: readonly FailingCall[] = [
  ["epoll_create1", "EMFILE", 1, "main"],
  ["epoll_create1", "EMFILE", 1, "load"],
  ["getsockname", "ENOBUFS", 1, "load"],
  ["shutdown", "ENOTCONN", 1, "load"],
  ["syscall 232", "EINTR", 3, "load"], // epoll_wait
];

async function run(row: FailingCall) {
  using folder = new TempDir();
  const file = folder.file("run.json");
  await using server = await startServe();
  const args = ["stress", server.name, "-c", "3", "-n", "30", "-o", file];
  args.push("--client-engine", "readiness"); // whose calls these are
  await using cli = spawnCli(args, failing(row));
  const { code } = await cli.exit;
  expect(cli.stderr()).toContain(`(${row[0]} fails)`);
  const result = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  const said = cli.stderr().split("\n").filter((line) => line.startsWith("iomux: "));
  return { code, said, result };
}

if (NO_FAILING) console.log(`not run: failing calls of stress: ${NO_FAILING}`);

(NO_FAILING ? describe.skip : describe)("a call of stress that fails", () => {
  for (const row of ENDS) {
    it(`before it can run, ends it with a line that says why: ${titleOf(row)}`, async () => {
      const { code, said } = await run(row);
      expect([code, said.length]).toEqual([1, 1]);
      expect(said[0]).toMatch(new RegExp(`^iomux: Cannot .*: ${row[1]} \\([a-z ]+\\)`));
    });
  }
  for (const [row, code, error] of COSTS_ONE) {
    it(`costs one connection, which is counted, exit code ${code}: ${titleOf(row)}`, async () => {
      const ended = await run(row);
      expect(ended.code).toBe(code);
      expect(ended.result.errors).toEqual({ [error]: 1 });
      const { failed, lost } = ended.result.connections;
      expect([failed + lost, ended.result.messages.mismatched]).toEqual([1, 0]);
    });
  }
  for (const row of DOES_WITHOUT) {
    it(`costs nothing: ${titleOf(row)}`, async () => {
      const { code, result } = await run(row);
      expect([code, result.messages.verified, result.errors]).toEqual([0, 30, {}]);
    });
  }
});

describe("a disk that gets full while results are written", () => {
  for (const command of ["stress -c 2 -n 50", "report run.json"]) {
    itUnless(
      NO_NAMESPACE,
      `costs the file that did not fit, which stays as it was, and is said, exit code 1: ${command}`,
      async () => {
        using folder = new TempDir();
        const [full, json] = [folder.file("full"), folder.file("more.json")];
        mkdirSync(full);
        const script = `ip link set lo up; cd ${folder.path}; "$@" stress -c 2 -n 50 -o run.json ` +
          `>&2; mount -t tmpfs -o size=8k none ${full}; printf "left: an older one" >${full}/old.html; ` +
          `"$@" ${command} -o ${full}/run.html -o ${full}/old.html -o ${json}; code=$?; ` +
          `ls ${full} | sed 's/^/left: /'; cat ${full}/old.html; exit $code`;
        await using cli = spawnCli([], { through: inNamespace(script) });
        expect((await cli.exit).code).toBe(1);
        const said = ["run", "old"].map((name) =>
          `iomux: Cannot write the result to ${full}/${name}.html: ENOSPC (no space left on device)\n`
        );
        expect(cli.stderr().endsWith(said.join(""))).toBe(true);
        expect(cli.stdout()).toMatch(/^verdict/m);
        expect(cli.stdout().match(/^left: .*/gm)).toEqual(["left: old.html", "left: an older one"]);
        expect(JSON.parse(readFileSync(json, "utf8")).messages.verified).toBe(50);
      },
    );
  }

  itUnless(NO_NAMESPACE, "is known before the run when nothing can be written there", async () => {
    using folder = new TempDir();
    const path = folder.path;
    const script = `mount --bind ${path} ${path}; mount -o remount,bind,ro ${path}; ` +
      `exec "$@" stress -d 60s -o ${path}/run.json`;
    await using cli = spawnCli([], { through: inNamespace(script) });
    expect([(await cli.exit).code, cli.stdout(), cli.stderr()]).toEqual([
      1,
      "",
      `iomux: Cannot write the result to ${path}/run.json: EROFS (read-only file system)\n`,
    ]);
  });
});
