// Every C function whose result matters to a probe fails once: it ends with a line that says why, and blames no
// target for what its own machine has run out of; or a row fails that names the error, or it does without. The
// server that it tried serves on.
import { describe, expect, it } from "bun:test";
import { spawnCli, startServe } from "../support/cli.ts";
import { failing, type FailingCall, NO_FAILING, titleOf } from "../support/failing.ts";

const ENDS: readonly [row: FailingCall, code: number][] = [
  [["eventfd", "EMFILE", 1, "probe"], 1],
  [["fcntl", "EMFILE", 1, "probe"], 1],
  [["epoll_ctl", "ENOMEM", 1, "probe"], 1],
  [["epoll_ctl", "ENOSPC", 2, "probe"], 1],
  [["socket", "EMFILE", 1, "probe"], 1],
  [["connect", "ENETUNREACH", 1, "probe"], 3],
  [["setsockopt", "ENOMEM", 1, "probe"], 1],
  [["socket", "EMFILE", 3, "probe"], 1],
  [["setsockopt", "ENOMEM", 3, "probe"], 1],
  [["syscall 44", "ENOBUFS", 2, "probe"], 1], // sendto
  [["syscall 45", "ENOMEM", 3, "probe"], 1], // recvfrom
];

const FAILS_A_ROW: readonly FailingCall[] = [
  ["connect", "ETIMEDOUT", 3, "probe"],
];

const DOES_WITHOUT: readonly FailingCall[] = [
  ["epoll_create1", "EMFILE", 1, "probe"],
  ["getsockname", "ENOBUFS", 1, "probe"],
  ["syscall 45", "EINTR", 3, "probe"],
  ["syscall 232", "EINTR", 3, "probe"], // epoll_wait
];

async function run(row: FailingCall) {
  await using server = await startServe();
  const args = ["probe", server.name, "half-close", "reset", "-c", "2", "--timeout", "10s"];
  await using cli = spawnCli([...args, "--json"], failing(row));
  const { code } = await cli.exit;
  expect(cli.stderr()).toContain(`(${row[0]} fails)`);
  const said = cli.stderr().split("\n").filter((line) => line.startsWith("iomux: "));
  const rows: { ok: boolean; reasons: string[] }[] = cli.stdout() === ""
    ? []
    : JSON.parse(cli.stdout()).profiles;
  expect((await server.stop()).code).toBe(0);
  return { code, said, rows };
}

if (NO_FAILING) console.log(`not run: failing calls of probe: ${NO_FAILING}`);

(NO_FAILING ? describe.skip : describe)("a call of probe that fails", () => {
  for (const [row, code] of ENDS) {
    it(`ends it with a line that says why: ${titleOf(row)}`, async () => {
      const ended = await run(row);
      expect([ended.code, ended.rows.length, ended.said.length]).toEqual([code, 0, 1]);
      expect(ended.said[0]).toMatch(new RegExp(`^iomux: Cannot .*: ${row[1]} \\([a-z ]+\\)`));
    });
  }
  for (const row of FAILS_A_ROW) {
    it(`costs one row, which names the error, exit code 7: ${titleOf(row)}`, async () => {
      const { code, said, rows } = await run(row);
      expect([code, said.length, rows.length]).toEqual([7, 0, 2]);
      const [failed, ...others] = rows.filter(({ ok }) => !ok);
      expect(others).toEqual([]);
      expect(failed!.reasons.join()).toContain(row[1]);
    });
  }
  for (const row of DOES_WITHOUT) {
    it(`costs nothing: ${titleOf(row)}`, async () => {
      const { code, said, rows } = await run(row);
      expect([code, said, rows.map(({ ok }) => ok)]).toEqual([0, [], [true, true]]);
    });
  }
});
