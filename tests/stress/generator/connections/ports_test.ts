// When the local ports run out: in a network namespace whose range of ports is small.
import { describe, expect } from "bun:test";
import type { StressResult } from "../../../../lib/result/result.ts";
import { spawnCli } from "../../../support/cli.ts";
import { TempDir } from "../../../support/files.ts";
import { inNamespace, NO_NAMESPACE } from "../../../support/namespaces.ts";
import { itUnless } from "../../../support/systems.ts";

/** 61 ports, of which a server has one. */
const RANGE = "40000 40060";
const PREPARE = `set -e
ip link set lo up
echo '${RANGE}' > /proc/sys/net/ipv4/ip_local_port_range
`;

const dir = new TempDir();
process.on("exit", () => dir[Symbol.dispose]());

/** Runs a script in which "$@" is iomux, and returns the result that it prints. */
async function run(script: string): Promise<{ code: number | null; result: StressResult }> {
  await using cli = spawnCli([], {
    through: inNamespace(`${PREPARE}${script}`),
    env: { TMP: dir.path },
  });
  const { code } = await cli.exit;
  if (cli.stdout() === "") throw new Error(`exit ${code}\n${cli.stderr()}`);
  return { code, result: JSON.parse(cli.stdout()) };
}

describe("local ports that run out", () => {
  const churn = "-n 3000 --messages-per-connection 1 --json";

  itUnless(
    NO_NAMESPACE,
    "are those of other loopback addresses then: churn never fails",
    async () => {
      const { code, result } = await run(`exec "$@" stress -c 5 ${churn}`);
      expect(code).toBe(0);
      expect(result.connections).toMatchObject({ established: 3000, failed: 0, lost: 0 });
      expect(result.messages).toMatchObject({ verified: 3000, lost: 0 });
      expect(result.errors).toEqual({});
    },
  );

  itUnless(NO_NAMESPACE, "may be in use by others: the next address is tried", async () => {
    // All ports of 127.0.0.1 are taken by connections to the same server, as long as it runs.
    const { code, result } = await run(`
      "$@" serve -H 127.0.0.1 -p 9000 > "$TMP/ready" 2> /dev/null &
      for i in $(seq 500); do [ -s "$TMP/ready" ] && break; sleep 0.02; done
      "$@" stress 127.0.0.1:9000 -c 61 --source 127.0.0.1 --hold --reconnect -d 30s > /dev/null 2>&1 &
      for i in $(seq 50); do
        "$@" stress 127.0.0.1:9000 -c 1 -n 1 --source 127.0.0.1 --json 2> /dev/null |
          grep -q EADDRNOTAVAIL && full=yes && break
      done
      [ "$full" = yes ] && "$@" stress 127.0.0.1:9000 -c 5 -n 100 --json`);
    expect(code).toBe(0);
    expect(result.connections).toMatchObject({ established: 5, failed: 0 });
    expect(result.errors).toEqual({});
  });

  itUnless(NO_NAMESPACE, "are an error when only one address may be used: exit 3", async () => {
    const { code, result } = await run(
      `exec "$@" stress -c 70 --source 127.0.0.1 --hold -d 200ms --json`,
    );
    expect(code).toBe(3);
    expect(result.errors.EADDRNOTAVAIL! >= 9).toBe(true);
    expect(result.connections.established + result.errors.EADDRNOTAVAIL!).toBe(70);
  });
});
