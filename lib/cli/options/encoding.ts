/**
 * Arguments and variables that are no UTF-8. Runtimes replace such bytes, so that another message would be
 * sent, or another file written, than the one that was meant.
 */
import { readFileSync } from "node:fs";
import { latin1, quote } from "../../text/bytes.ts";
import { UsageError } from "../exit.ts";
import type { Command } from "./command.ts";
import { variableOf } from "./environment.ts";

/** What the replacement looks like; it may also have been typed. */
const REPLACED = "\ufffd";

/** @throws UsageError when an argument, or a variable of the command, was changed on its way here */
export function checkEncoding(
  command: Command,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const prefix = variableOf(command.name, "");
  const names = Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && environment[name]!.includes(REPLACED));
  const hint = "messageFile" in command.options ? "; other bytes go into a --message-file" : "";
  for (const bytes of args.some((arg) => arg.includes(REPLACED)) ? last(args.length) : []) {
    if (!isText(bytes)) throw new UsageError(`argument ${quote(latin1(bytes))} is no UTF-8${hint}`);
  }
  for (const bytes of names.length > 0 ? pieces("/proc/self/environ") : []) {
    const name = names.find((name) => bytes.toString("latin1").startsWith(`${name}=`));
    if (name && !isText(bytes)) throw new UsageError(`variable ${name} is no UTF-8${hint}`);
  }
}

/** The last arguments of this process, as they were given. */
const last = (count: number): Buffer[] => pieces("/proc/self/cmdline").slice(-count);

/** What NULs end in a file of the kernel; nothing where there is no such file. */
function pieces(file: string): Buffer[] {
  try {
    const text = readFileSync(file).toString("latin1"); // a character for each byte
    return text.split("\0").slice(0, -1).map((piece) => Buffer.from(piece, "latin1"));
  } catch {
    return [];
  }
}

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString()).equals(bytes);
