/** Who may connect: networks, connections per address, and connections in all. */
import type { Address } from "../net/mod.ts";
import { canonicalBytes, contains, type Network, parseCidr } from "../net/cidr.ts";
import { AddressCounts, type AddressKey, addressKey } from "./shared_counts.ts";
import type { ServeOptions } from "./options.ts";
import { ConnectionCount } from "./stats.ts";

/** Memory that the workers of a server share to know who is there. */
export interface AdmissionMemory {
  readonly connections: SharedArrayBuffer;
  /** Only with a limit per address. */
  readonly addresses: SharedArrayBuffer | undefined;
}

/** Makes that memory. */
export function admissionMemory(
  options: ServeOptions,
  connections: ConnectionCount,
): AdmissionMemory {
  return {
    connections: connections.memory,
    addresses: options.maxPerAddress
      ? AddressCounts.memoryFor(options.maxConnections + options.workers)
      : undefined,
  };
}

/**
 * The doorkeeper of one worker.
 *
 * `--deny` wins over `--allow`, whatever their order. With any `--allow`, who is in none of them is
 * turned away. Unix sockets have no addresses: all may come.
 */
export class Admission {
  /** Whether anybody has to be asked for an address. */
  readonly filters: boolean;
  readonly #allow: readonly Network[];
  readonly #deny: readonly Network[];
  readonly #most: number;
  readonly #perAddress: number;
  readonly #connections: ConnectionCount;
  readonly #addresses: AddressCounts | undefined;
  /** Of the newcomer that is being admitted. */
  #key: AddressKey | undefined;

  constructor(options: ServeOptions, memory: AdmissionMemory) {
    this.#allow = (options.allow ?? []).map(parseCidr);
    this.#deny = (options.deny ?? []).map(parseCidr);
    this.#most = options.maxConnections;
    this.#perAddress = options.maxPerAddress ?? 0;
    this.#connections = new ConnectionCount(memory.connections);
    this.#addresses = memory.addresses && new AddressCounts(memory.addresses);
    this.filters = this.#allow.length + this.#deny.length + this.#perAddress > 0;
  }

  /** Whether a newcomer is turned away for its address. */
  denies(peer: Address): boolean {
    this.#key = undefined;
    if (peer.family === "unix") return false;
    const bytes = canonicalBytes(peer.host);
    const isInside = (network: Network) => contains(network, bytes);
    if (this.#deny.some(isInside)) return true;
    if (this.#allow.length > 0 && !this.#allow.some(isInside)) return true;
    if (!this.#addresses) return false;
    const key = addressKey(bytes);
    if (!this.#addresses.enter(key, this.#perAddress)) return true;
    this.#key = key;
    return false;
  }

  /** Whether there is room for one more; asked after `denies`. */
  admits(): boolean {
    if (this.#connections.enter(this.#most)) return true;
    this.#leaveAddress(this.#key);
    return false;
  }

  /** What `leaves` must be given when the newcomer that was just admitted has gone. */
  get ticket(): AddressKey | undefined {
    return this.#key;
  }

  /** A connection is over. */
  leaves(ticket: AddressKey | undefined): void {
    this.#connections.leave();
    this.#leaveAddress(ticket);
  }

  #leaveAddress(key: AddressKey | undefined): void {
    if (key) this.#addresses!.leave(key);
  }
}
