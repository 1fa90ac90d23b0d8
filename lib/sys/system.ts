/** Which operating system this is, and how to say what differs between them. */

export type System = "linux" | "darwin" | "freebsd" | "windows";

const SYSTEMS: Readonly<Record<string, System>> = {
  linux: "linux",
  android: "linux",
  darwin: "darwin",
  freebsd: "freebsd",
  win32: "windows",
};

function detect(): System {
  const system = SYSTEMS[process.platform];
  if (system) return system;
  // Said here, where everything native begins, rather than as a missing symbol somewhere later.
  throw new Error(
    `Cannot use the system calls of ${process.platform}: iomux knows Linux, macOS, FreeBSD and Windows`,
  );
}

export const system: System = detect();

/** macOS and FreeBSD: sockaddr has a length byte, kqueue is the event queue. */
export const isBsd: boolean = system === "darwin" || system === "freebsd";

/** The value for this system, as in a table with a column for each. */
export const on = <V>(linux: V, darwin: V, freebsd: V, windows: V): V =>
  ({ linux, darwin, freebsd, windows })[system];

/** Names of the C library (on Windows: of its sockets), in the order to try. */
export const LIBC: readonly string[] = on(
  [process.platform === "android" ? "libc.so" : "libc.so.6"], // musl takes that for itself as well
  ["/usr/lib/libSystem.B.dylib"],
  ["/lib/libc.so.7"],
  ["ws2_32.dll"],
);

/**
 * What stands in for functions that this system does not have: calling one says so. So a module for one
 * system can be imported on all of them, as long as it is not called.
 */
export function absent<F extends object>(why: string): F {
  return new Proxy({} as F, {
    get: (_, name) => () => {
      throw new Error(`Cannot call ${String(name)} on ${process.platform}: ${why}`);
    },
  });
}
