/** Listening on every address that a host has: for the server, and for the client's -l. */
import { resolveUntil } from "../net/dial.ts";
import type { BaseSocket, OSError } from "../net/mod.ts";

/** An address of a name that this machine does not have, or a family that it does not speak. */
const NOT_HERE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);
/** How often a port is picked for several addresses until it is free on all of them. */
const PICKS = 20;

/** Where to listen. */
export interface HostListenOptions<S> {
  /** An IP address or a name. */
  readonly host: string;
  /** 0: any port that is free on all addresses. */
  readonly port: number;
  /** Only addresses of IPv4, or of IPv6. */
  readonly family?: 4 | 6 | undefined;
  /** Ends the wait for the addresses of a name. */
  readonly signal?: AbortSignal;
  /** Opens the sockets of one address. */
  readonly open: (host: string, port: number) => S[];
  /** Is given a sentence for each address that can't be had while another can. */
  readonly warn: (message: string) => void;
}

/** The sockets of every address, on one port. @throws OSError EADDRINUSE, EACCES; ResolveError; the signal's reason */
export async function listenOnHost<S extends Pick<BaseSocket, "port" | "close">>(
  options: HostListenOptions<S>,
): Promise<S[][]> {
  const { host, family, signal } = options;
  const hosts = [...new Set(await resolveUntil(signal, host, family))];
  for (let pick = 1;; pick++) {
    const open: S[][] = [];
    let { port } = options;
    const missing: OSError[] = [];
    try {
      for (const host of hosts) {
        try {
          open.push(options.open(host, port));
          ({ port } = open[0]![0]!); // the others join the first
        } catch (error) {
          if (!NOT_HERE.has((error as OSError).code)) throw error;
          missing.push(error as OSError);
        }
      }
      if (open.length === 0) throw missing[0];
      for (const { message } of missing) {
        options.warn(`${message}, one of the addresses of ${options.host}`);
      }
      return open;
    } catch (error) {
      for (const socket of open.flat()) socket.close();
      const isTaken = (error as OSError).code === "EADDRINUSE" && options.port === 0;
      if (!isTaken || pick === PICKS) throw error;
    }
  }
}
