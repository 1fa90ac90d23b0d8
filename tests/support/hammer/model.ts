// What the kernel should say of each end of a connection, and a selector of each registration: plain
// bookkeeping, without a descriptor. From poll(2), tcp_poll() and unix_poll() of Linux.
import {
  EVENT_READ,
  EVENT_WRITE,
  type SelectorKey,
  type SelectorName,
} from "../../../lib/selectors/mod.ts";

export type Kind = "unix" | "tcp";

/** Events that have to be told, and those that may be. */
export interface Forecast {
  readonly must: number;
  readonly may: number;
}

const NOTHING: Forecast = { must: 0, may: 0 };

/** One end of a connection: an open file description, with the descriptors that refer to it. */
export class End {
  readonly kind: Kind;
  peer!: End;
  readonly fds = new Set<number>();
  /** Bytes to read, and in how many sends they came. */
  inbound = 0;
  sends = 0;
  /** No more will be received; no more can be sent (the kernel's RCV_SHUTDOWN and SEND_SHUTDOWN). */
  receiveShut = false;
  sendShut = false;
  /** Reset, or a peer that went with bytes unread. */
  error = false;
  /** The send buffer takes no more. */
  full = false;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  readiness(backend: SelectorName): Forecast {
    const hangUp = this.receiveShut && this.sendShut;
    const readable = this.inbound > 0 || this.error || this.receiveShut;
    const writable = !this.full || this.error;
    // select(2) tells writers of errors, but not of a hang-up alone (POLLOUT_SET of fs/select.c).
    const told = writable || (hangUp && backend !== "select");
    const must = (readable ? EVENT_READ : 0) | (told ? EVENT_WRITE : 0);
    const may = must | (hangUp ? EVENT_WRITE : 0);
    return { must, may };
  }

  get canSend(): boolean {
    const open = this.fds.size > 0 && this.peer.fds.size > 0;
    return open && !this.full && !this.error && !this.sendShut && !this.peer.receiveShut &&
      this.peer.sends < 20; // far from what fills a buffer
  }

  get canShutdown(): boolean {
    return this.fds.size > 0 && !this.error;
  }

  shutdown(read: boolean, write: boolean): void {
    this.receiveShut ||= read;
    this.sendShut ||= write;
    this.peer.receiveShut ||= write;
    // A Unix socket tells its peer that nobody will read; TCP has no segment for that.
    if (this.kind === "unix") this.peer.sendShut ||= read;
  }

  /** The last descriptor is gone, and with it the description. */
  vanish(reset: boolean): void {
    this.peer.receiveShut = true;
    if (this.kind === "unix") this.peer.sendShut = true;
    if (this.inbound > 0 || (reset && this.kind === "tcp")) this.peer.error = true;
  }
}

/** A registration, and what has happened to its descriptor behind the selector's back. */
export class Registered {
  readonly fd: number;
  readonly end: End;
  key: SelectorKey<number>;
  /** Closed while registered; then its number may have come to another description. */
  fate: "open" | "closed" | "reused" = "open";

  constructor(key: SelectorKey<number>, end: End) {
    this.fd = key.fd;
    this.key = key;
    this.end = end;
  }

  /** What a wait has to tell of it. */
  forecast(backend: SelectorName): Forecast {
    const { must, may } = this.end.readiness(backend);
    const { events } = this.key;
    switch (this.fate) {
      case "open":
        return { must: must & events, may: may & events };
      case "closed":
        return tellsOfTheClosed(backend, this.end) ? { must: 0, may: may & events } : NOTHING;
      case "reused":
        // select and poll look at the number, whoever has it now; the others at what it once was.
        return { must: 0, may: events };
    }
  }
}

/**
 * Whether the kernel may go on reporting a descriptor that was closed and not unregistered: where it
 * watches descriptions, and this one lives on (in a duplicate, or in the poll request itself).
 */
function tellsOfTheClosed(backend: SelectorName, end: End): boolean {
  return backend === "epoll" && end.fds.size > 0;
}
