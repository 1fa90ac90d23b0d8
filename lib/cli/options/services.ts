/** The names of ports: services(5). */
import { readFileSync } from "node:fs";

const FILE = process.platform === "win32"
  ? `${process.env.SystemRoot ?? "C:\\Windows"}\\System32\\drivers\\etc\\services`
  : "/etc/services";

/** For where there is no such file, as in small containers. */
const COMMON = "echo 7 discard 9 daytime 13 chargen 19 ftp 21 ssh 22 telnet 23 smtp 25 time 37 " +
  "domain 53 gopher 70 finger 79 http 80 pop3 110 nntp 119 ntp 123 imap2 143 imap 143 irc 194 " +
  "ldap 389 https 443 submission 587 ldaps 636 imaps 993 pop3s 995 mysql 3306 postgresql 5432 " +
  "redis 6379";

let table: ReadonlyMap<string, number> | undefined;

function services(): ReadonlyMap<string, number> {
  return table ??= new Map([
    ...COMMON.matchAll(/(\S+) (\d+)/g).map(([, name, port]) => [name!, Number(port)] as const),
    ...listed(),
  ]);
}

/** Lines of "NAME PORT/PROTOCOL [ALIAS...]". */
function listed(): [name: string, port: number][] {
  let text: string;
  try {
    text = readFileSync(FILE, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const [name, where = "", ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const port = /^(\d+)\/tcp$/.exec(where)?.[1];
    if (name === undefined || port === undefined) return [];
    return [name, ...aliases].map((each): [string, number] => [each, Number(port)]);
  });
}

export const portOfService = (name: string): number | undefined => services().get(name);

export function serviceOfPort(port: number): string | undefined {
  for (const [name, number] of services()) if (number === port) return name;
  return undefined;
}
