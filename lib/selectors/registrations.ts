/** What is registered with a selector, by descriptor: the map that callers see, and its changes. */
import { ERRNO } from "../sys/errno.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { checkEvents, descriptorOf, filenoOf, hasDescriptor, modesOf } from "./arguments.ts";
import { type Backend, ONESHOT, Registration } from "./backend.ts";
import { AlreadyRegisteredError, NotRegisteredError } from "./errors.ts";
import type { FileObject, SelectorKey, SelectorName, WatchOptions } from "./selector.ts";

/** The registrations of one selector. Arguments are checked before anything changes. */
export class Registrations<T> {
  readonly #name: SelectorName;
  readonly #backend: Backend;
  /** By descriptor, the selector's own included. */
  readonly #all: (Registration | undefined)[] = [];
  /** How many of them have a key. */
  #size = 0;
  /** That of the last registration: 32 bits, which wrap around. */
  #generation = 0;
  /** What `getMap` returns. */
  readonly map: ReadonlyMap<number, SelectorKey<T>> = new KeyMap<T>(this.#all, () => this.#size);

  constructor(name: SelectorName, backend: Backend) {
    this.#name = name;
    this.#backend = backend;
  }

  /** Watches a descriptor for `events`, for the user. */
  register<F extends FileObject>(
    fileobj: F,
    events: number,
    data: T,
    options: WatchOptions | undefined,
  ): SelectorKey<T, F> {
    checkEvents(events);
    const fd = descriptorOf(fileobj);
    if (this.#all[fd]) {
      throw new AlreadyRegisteredError(
        `Cannot register descriptor ${fd}: it is registered already; use modify`,
      );
    }
    const key: SelectorKey<T, F> = { fileobj, fd, events, data };
    this.insert(fd, events, modesOf(options, this.#name, this.#backend.modes)).key = key;
    this.#size++;
    return key;
  }

  /** Watches a descriptor. One that the system refuses leaves nothing behind, not even a longer table. */
  insert(fd: number, events: number, modes = 0): Registration {
    this.#generation = (this.#generation + 1) | 0;
    const registration = new Registration(fd, this.#generation, modes, events);
    this.#backend.add(registration);
    return this.#all[fd] = registration;
  }

  /** Watches for other events, replaces the data, or arms a one-shot again; `changed` is called then. */
  modify<F extends FileObject>(
    fileobj: F,
    events: number,
    data: T,
    changed: (registration: Registration) => void,
  ): SelectorKey<T, F> {
    checkEvents(events);
    const registration = this.find(fileobj, "modify");
    const old: SelectorKey<T, F> = registration.key!;
    const unchanged = events === old.events;
    if (!unchanged || registration.modes & ONESHOT) {
      this.#change(registration, fileobj, events);
      changed(registration);
    }
    if (unchanged && data === old.data) return old;
    const key: SelectorKey<T, F> = { fileobj: old.fileobj, fd: old.fd, events, data };
    return registration.key = key;
  }

  #change(registration: Registration, fileobj: FileObject, events: number): void {
    try {
      // A closed object is found by identity, but its number may be in use again.
      if (typeof fileobj !== "number" && !hasDescriptor(fileobj, registration.fd)) {
        throw cannotWatch(ERRNO.EBADF!, registration.fd);
      }
      registration.events = events;
      this.#backend.change(registration);
    } catch (error) {
      this.delete(registration);
      throw error;
    }
  }

  /** Watches no longer. */
  delete(registration: Registration): void {
    this.#all[registration.fd] = undefined;
    this.#size--;
    this.#backend.remove(registration);
    registration.end();
  }

  /** The registration of a file object, which may be closed, and may throw then. @throws NotRegisteredError */
  find(fileobj: FileObject, action: string): Registration {
    let number = -1, failure: unknown;
    try {
      number = typeof fileobj === "number" ? descriptorOf(fileobj) : filenoOf(fileobj);
    } catch (error) {
      failure = error;
    }
    const found = number >= 0
      ? this.#all[number]
      : this.#all.find((r) => r?.key?.fileobj === fileobj);
    if (found?.key) return found;
    if (failure !== undefined) throw failure;
    const what = number >= 0 ? `descriptor ${number}` : "a closed object";
    throw new NotRegisteredError(`Cannot ${action} ${what}: it is not registered`);
  }

  /** All of them, the selector's own included. */
  all(): Registration[] {
    return this.#all.filter((registration) => registration !== undefined);
  }

  /** Forgets everything. The backend is not called: it is closed next. */
  clear(): void {
    for (const registration of this.all()) registration.end();
    this.#all.length = this.#size = 0;
  }
}

/**
 * The live view behind `getMap`, in the order of the descriptors: reads pass through, and there is
 * nothing to write with. A Map of keys beside the registrations would cost more with every descriptor:
 * the kernel gives the lowest number again and again, and a deleted entry stays in a Map's chain.
 */
class KeyMap<T> implements ReadonlyMap<number, SelectorKey<T>> {
  readonly #registrations: readonly (Registration | undefined)[];
  readonly #size: () => number;

  constructor(registrations: readonly (Registration | undefined)[], size: () => number) {
    this.#registrations = registrations;
    this.#size = size;
  }
  get size(): number {
    return this.#size();
  }
  get(fd: number): SelectorKey<T> | undefined {
    return typeof fd === "number" ? this.#registrations[fd]?.key : undefined; // as a Map would
  }
  has(fd: number): boolean {
    return this.get(fd) !== undefined;
  }
  *keys(): Generator<number, undefined> {
    for (const { fd } of this.values()) yield fd;
  }
  *values(): Generator<SelectorKey<T>, undefined> {
    for (const registration of this.#registrations) if (registration?.key) yield registration.key;
  }
  *entries(): Generator<[number, SelectorKey<T>], undefined> {
    for (const key of this.values()) yield [key.fd, key];
  }
  [Symbol.iterator](): Generator<[number, SelectorKey<T>], undefined> {
    return this.entries();
  }
  forEach(
    callback: (key: SelectorKey<T>, fd: number, map: ReadonlyMap<number, SelectorKey<T>>) => void,
  ): void {
    for (const key of this.values()) callback(key, key.fd, this);
  }
}
