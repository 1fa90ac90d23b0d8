/** What the parts of a readiness engine share: the selector, and how it watches. */
import {
  createSelector,
  type Selector,
  type SelectorKey,
  type WatchOptions,
} from "../../selectors/mod.ts";
import { EngineCore } from "../core.ts";
import type { EngineOptions } from "../engine.ts";

/** Something registered with the selector, as the key's data. */
export interface Source {
  /** With the portable bits, and with the system's own. */
  ready(events: number, raw: number): void;
}

/** The shared state. It knows neither streams nor listeners. */
export class ReadinessCore extends EngineCore {
  readonly selector: Selector<Source>;
  /** How connections are watched that are reported once. */
  readonly edge: WatchOptions | undefined;

  constructor(options: EngineOptions) {
    super(options);
    this.selector = createSelector<Source>(options.selector ?? "auto");
    const edge = options.edge && !this.observer && this.selector.name === "epoll";
    this.edge = edge ? { edge } : undefined;
  }

  override wait(timeoutMs: number | undefined): number {
    const { observer } = this;
    if (!observer) return this.selector.dispatch(timeoutMs, this.#ready);
    const map = this.selector.getMap();
    observer.waiting(map.size);
    const ready = this.selector.select(timeoutMs);
    observer.ready(ready.length);
    for (const [key, events] of ready) {
      if (map.get(key.fd)?.data === key.data) key.data.ready(events, 0);
    }
    return ready.length;
  }

  readonly #ready = (key: SelectorKey<Source>, events: number, raw: number): void =>
    key.data.ready(events, raw);
}
