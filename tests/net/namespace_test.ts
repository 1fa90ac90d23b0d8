// What depends on a machine's addresses and ports, in a network namespace that the test makes: unshare(1).
import { describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { commandFor } from "../support/programs.ts";

/** Runs the program in a namespace that `prepare`, a shell command, has set up; undefined where it can't. */
function inNamespace(prepare: string, what: string): any {
  const [command, args] = commandFor("namespace.ts", [what]);
  const script = `ip link set lo up && ${prepare} && exec "$0" "$@"`;
  for (const flags of [["-n"], ["-rn"]]) {
    const done = spawnSync("unshare", [...flags, "sh", "-ec", script, command, ...args], {
      encoding: "utf8",
      timeout: 50_000,
    });
    const line = done.stdout?.split("\n").findLast((text) => text.startsWith("{"));
    if (line) return JSON.parse(line);
    if (done.status === 0) throw new Error(`no answer: ${done.stdout} ${done.stderr}`);
  }
  console.log(`not run: ${what} in a network namespace: it can't be made here`);
  return undefined;
}

describe("in a network namespace", () => {
  it("a connect that reaches its own port is no connection: ECONNREFUSED, and says why", () => {
    const range = "/proc/sys/net/ipv4/ip_local_port_range";
    const seen = inNamespace(`echo 40000 40001 > ${range}`, "itself");
    if (!seen) return;
    for (const how of ["waited", "later"]) {
      for (const outcome of seen[how]) {
        expect(outcome).toMatch(/^ECONNREFUSED: Cannot connect to 127\.0\.0\.1:40000/);
      }
    }
    expect([...seen.waited, ...seen.later].join()).toContain("it reached its own port");
    expect(seen.dialled).toEqual(["ECONNREFUSED"]);
  });

  it("getNetworkAddress() prefers an address that others can reach to a link-local one", () => {
    const seen = inNamespace(
      "ip link add first type veth peer name second && ip addr add 169.254.7.7/16 dev first && " +
        "ip addr add 10.1.2.3/24 dev second && ip link set first up && ip link set second up",
      "address",
    );
    if (seen) expect(seen.address).toBe("10.1.2.3");
  });
});
