/**
 * What is registered with a selector, and what the kernel has been told of it: the half of every
 * selector that has nothing to do with waiting. Arguments are checked before anything changes, and what
 * the kernel refuses is rolled back.
 */
import { ERRNO } from "../sys/errno.ts";
import { cannotWatch } from "../sys/pollable.ts";
import { checkEvents, descriptorOf, filenoOf, KeyMap } from "./keys.ts";
import { modesOf, ONESHOT, Registration } from "./registration.ts";
import { AlreadyRegisteredError, NotRegisteredError, SelectorClosedError } from "./errors.ts";
import type { FileObject, SelectorKey, SelectorName, WatchOptions } from "./selector.ts";

/**
 * The registrations of one selector. The abstract members are what a backend provides.
 *
 * @example
 * ```ts
 * import { type Registry, SelectSelector } from "iomux";
 *
 * const isIdle = (registry: Registry<string>) => registry.getMap().size === 0;
 * using selector = new SelectSelector<string>();
 * console.log(isIdle(selector)); // true
 * ```
 */
export abstract class Registry<T> {
  /** Which backend this is. */
  abstract readonly name: SelectorName;
  /** The modes of registration.ts that the backend has. */
  protected readonly modes: number = 0;
  /** Tells the kernel of a new registration. @throws OSError when it refuses */
  protected abstract add(registration: Registration<T>): void;
  /** Tells the kernel of other events, or arms a one-shot again. @throws OSError when it refuses */
  protected abstract change(registration: Registration<T>, events: number): void;
  /** Tells the kernel that a registration has ended; the descriptor may be closed by now. */
  protected abstract remove(registration: Registration<T>): void;
  /** Called after every change of what is watched. */
  protected abstract changed(): void;

  /** Registrations by descriptor, the selector's own included. */
  protected readonly registrations: (Registration<T> | undefined)[] = [];
  /** How many entries `registrations` has. */
  protected count = 0;
  /** `close` was called. */
  protected closed = false;

  #visible = 0;
  readonly #map = new KeyMap(this.registrations, () => this.#visible);
  #generation = 0;

  /** See {@linkcode Selector.register}. */
  register(
    fileobj: FileObject,
    events: number,
    data?: T,
    options?: WatchOptions,
  ): SelectorKey<T> {
    this.checkOpen();
    checkEvents(events);
    const fd = descriptorOf(fileobj);
    if (this.registrations[fd]) {
      throw new AlreadyRegisteredError(
        `Cannot register descriptor ${fd}: it is registered already; use modify`,
      );
    }
    const key: SelectorKey<T> = { fileobj, fd, events, data: data as T };
    this.insert(key, modesOf(options, this.name, this.modes), true);
    return key;
  }

  /** See {@linkcode Selector.unregister}. */
  unregister(fileobj: FileObject): SelectorKey<T> {
    this.checkOpen();
    const registration = this.#find(fileobj, "unregister");
    this.#forget(registration);
    return registration.key;
  }

  /** See {@linkcode Selector.modify}. */
  modify(fileobj: FileObject, events: number, data?: T): SelectorKey<T> {
    this.checkOpen();
    checkEvents(events);
    const registration = this.#find(fileobj, "modify");
    const old = registration.key;
    const unchanged = events === old.events;
    if (!unchanged || registration.modes & ONESHOT) this.#change(registration, fileobj, events);
    if (unchanged && data === old.data) return old;
    registration.rekey({ fileobj: old.fileobj, fd: old.fd, events, data: data as T });
    return registration.key;
  }

  /** See {@linkcode Selector.getKey}. */
  getKey(fileobj: FileObject): SelectorKey<T> {
    this.checkOpen();
    return this.#find(fileobj, "look up").key;
  }

  /** See {@linkcode Selector.getMap}. */
  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    this.checkOpen();
    return this.#map;
  }

  /** Throws once the selector is closed. */
  protected checkOpen(): void {
    if (this.closed) throw new SelectorClosedError("Cannot use the selector: it is closed");
  }

  /** Watches a key, which may be the selector's own: not to be seen in the map, nor found. */
  protected insert(key: SelectorKey<T>, modes: number, visible: boolean): void {
    this.#generation = (this.#generation + 1) | 0;
    const registration = new Registration(key, this.#generation, modes, visible);
    this.registrations[key.fd] = registration;
    this.count++;
    try {
      this.add(registration);
    } catch (error) {
      this.registrations[key.fd] = undefined;
      this.count--;
      throw error;
    }
    if (visible) this.#visible++;
    this.changed();
  }

  /** Forgets everything, without a word to the kernel: the backend's resources go next. */
  protected clear(): void {
    for (const registration of this.registrations) if (registration) registration.live = false;
    this.registrations.length = 0;
    this.count = this.#visible = 0;
  }

  #change(registration: Registration<T>, fileobj: FileObject, events: number): void {
    try {
      // A closed object is found by identity, but its number may be somebody else's by now.
      if (typeof fileobj !== "number" && fileobj.fileno() < 0) {
        throw cannotWatch(ERRNO.EBADF!, registration.fd);
      }
      this.change(registration, events);
    } catch (error) {
      this.#forget(registration);
      throw error;
    }
    this.changed();
  }

  #forget(registration: Registration<T>): void {
    registration.live = false;
    this.registrations[registration.fd] = undefined;
    this.count--;
    this.#visible--;
    this.remove(registration);
    this.changed();
  }

  #find(fileobj: FileObject, action: string): Registration<T> {
    const number = typeof fileobj === "number" ? descriptorOf(fileobj) : filenoOf(fileobj);
    let found: Registration<T> | undefined;
    if (number >= 0) found = this.registrations[number];
    else found = this.registrations.find((r) => r?.key.fileobj === fileobj);
    if (!found?.visible) {
      const what = number >= 0 ? `descriptor ${number}` : "a closed object";
      throw new NotRegisteredError(`Cannot ${action} ${what}: it is not registered`);
    }
    return found;
  }
}
