/** Who may connect: networks, connections per address, and connections in all. */
import type { Address } from "../net/mod.ts";
import { canonicalBytes, contains, type Network, parseCidr } from "../net/cidr.ts";
import { AddressCounts, type AddressKey, addressKey } from "./address_counts.ts";
import type { ServeOptions } from "./options.ts";
import type { ServerStats } from "./stats.ts";

/**
 * The access control of one worker.
 *
 * `--deny` wins over `--allow`, whatever their order. With any `--allow`, an address in none of them is
 * refused. Unix sockets have no addresses, and are not refused for theirs.
 */
export class Admission {
  /** Whether the address of a new connection matters. */
  readonly filters: boolean;
  readonly #allow: readonly Network[];
  readonly #deny: readonly Network[];
  readonly #most: number;
  readonly #perAddress: number;
  readonly #stats: ServerStats;
  readonly #addresses: AddressCounts | undefined;
  /** Of the connection that is being admitted. */
  #key: AddressKey | undefined;

  /** `addresses` is memory that all workers share, with `maxPerAddress`. */
  constructor(options: ServeOptions, stats: ServerStats, addresses: SharedArrayBuffer | undefined) {
    this.#allow = (options.allow ?? []).map(parseCidr);
    this.#deny = (options.deny ?? []).map(parseCidr);
    this.#most = options.maxConnections;
    this.#perAddress = options.maxPerAddress ?? 0;
    this.#stats = stats;
    this.#addresses = addresses && new AddressCounts(addresses);
    this.filters = this.#allow.length + this.#deny.length + this.#perAddress > 0;
  }

  /** Whether a new connection is refused for its address. */
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
    if (this.#stats.enter(this.#most)) return true;
    this.#leaveAddress(this.#key);
    return false;
  }

  /** The argument for `leaves` when the connection that was just admitted is over. */
  get key(): AddressKey | undefined {
    return this.#key;
  }

  /** A connection is over. */
  leaves(key: AddressKey | undefined): void {
    this.#stats.leave();
    this.#leaveAddress(key);
  }

  #leaveAddress(key: AddressKey | undefined): void {
    if (key) this.#addresses!.leave(key);
  }
}
