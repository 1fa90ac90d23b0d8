// Programs with a network of their own, in which nothing is but its loopback.
import { spawnSync } from "node:child_process";
import { cliCommand } from "./cli.ts";

/** A script of sh(1) in which "$@" is iomux. Its loopback is down; what it leaves running ends with it. */
export const inNamespace = (script: string): [string, string[]] => ["unshare", [
  ...["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
  ...["sh", "-c", script, "sh"],
  ...cliCommand([]).flat(),
]];

/** Why there are none here. */
export const NO_NAMESPACE: string | undefined = whyNot();

function whyNot(): string | undefined {
  const [command, args] = inNamespace("ip link set lo up");
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error) return (error as { code?: string }).code;
  return status === 0 ? undefined : stderr.trim().split("\n")[0];
}
