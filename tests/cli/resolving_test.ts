// A signal while a name is looked up, by a name server that takes the question and never answers.
import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { TempDir } from "../support/files.ts";
import { inNamespace, NO_NAMESPACE } from "../support/namespaces.ts";
import { itUnless } from "../support/systems.ts";

/** Prints the exit code of iomux $LINE, which gets SIGTERM once it has asked, and SIGKILL 10 s later. */
const SCRIPT = `
  ip link set lo up && mount --bind "$CONFIG" /etc/resolv.conf || exit 99
  "$@" serve --udp --service discard -H 127.0.0.1 -p 53 --quiet >"$CONFIG.ready" & server=$!
  until [ -s "$CONFIG.ready" ]; do sleep 0.05; done
  "$@" $LINE </dev/null >/dev/null & asked=$!
  until grep -q "0100007F:0035 01" /proc/net/udp; do sleep 0.05; done
  kill $asked
  (sleep 10; kill -9 $asked) 2>/dev/null & guard=$!
  wait $asked; echo $?
  kill $guard $server
`;

describe("SIGTERM while a name server does not answer", () => {
  const cases: [line: string, code: number][] = [
    ["client slow.test:80", 143],
    ["client --udp slow.test:80", 143],
    ["client -l slow.test:80", 143],
    ["client -z slow.test 80", 143],
    ["serve -H slow.test -p 0", 0],
    ["stress slow.test:80 -n 1", 143],
    ["probe slow.test:80", 143],
  ];
  for (const [line, code] of cases) {
    itUnless(NO_NAMESPACE, `${line}: exit ${code}`, () => {
      using folder = new TempDir();
      const CONFIG = folder.file("resolv.conf");
      writeFileSync(CONFIG, "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n");
      const [command, args] = inNamespace(SCRIPT);
      const { stdout } = spawnSync(command, args, {
        encoding: "utf8",
        env: { ...process.env, CONFIG, LINE: line },
      });
      expect(stdout).toBe(`${code}\n`);
    });
  }
});
