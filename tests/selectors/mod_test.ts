import { afterEach, describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as library from "../../lib/mod.ts";
import {
  availableSelectors,
  createSelector,
  DefaultSelector,
  EpollSelector,
  PollSelector,
  type SelectorName,
  SelectSelector,
  WsaPollSelector,
} from "../../lib/selectors/mod.ts";
import { on } from "../../lib/sys/system.ts";
import { Program } from "../support/programs.ts";
import { openDescriptors, thrownBy } from "../support/sockets.ts";
import { onWindows } from "../support/systems.ts";

const BEST: SelectorName = on("epoll", "kqueue", "kqueue", "wsapoll");
const NAMES: SelectorName[] = ["select", "poll", "epoll", "kqueue", "wsapoll"];

describe("availableSelectors()", () => {
  it("lists every name once, with a reason for each that is not available", () => {
    const all = availableSelectors();
    expect(all.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
    for (const { available, reason } of all) {
      expect(typeof available).toBe("boolean");
      expect(available ? reason === undefined : reason!.length > 0).toBe(true);
    }
  });

  it("is right: the available ones can be created, the others say why not", () => {
    for (const { name, available, reason } of availableSelectors()) {
      if (available) {
        using selector = createSelector(name);
        expect(selector.name).toBe(name);
      } else {
        expect(thrownBy(() => createSelector(name)).message).toBe(`Cannot use ${name}: ${reason}`);
      }
    }
  });

  it("leaves no descriptor open", () => {
    availableSelectors();
    const before = openDescriptors();
    for (let i = 0; i < 10; i++) availableSelectors();
    // On Windows the runtime's own handles count, too.
    expect(openDescriptors() - before).toBeLessThan(onWindows ? 8 : 1);
  });
});

describe("createSelector()", () => {
  const forced = process.env.IOMUX_SELECTOR;
  const force = (name?: string) => {
    if (name === undefined) delete process.env.IOMUX_SELECTOR;
    else process.env.IOMUX_SELECTOR = name;
  };
  afterEach(() => force(forced));

  it('"auto", or nothing, takes the best of this system', () => {
    force();
    using auto = createSelector("auto");
    using byDefault = createSelector();
    expect([auto.name, byDefault.name]).toEqual([BEST, BEST]);
  });

  it('"auto" takes what IOMUX_SELECTOR names; a name given counts more', () => {
    for (const { name } of availableSelectors().filter(({ available }) => available)) {
      force(name);
      using auto = createSelector("auto");
      using named = createSelector("select");
      expect([auto.name, named.name]).toEqual([name, "select"]);
    }
  });

  it('IOMUX_SELECTOR may be "auto" or empty', () => {
    for (const name of ["auto", ""]) {
      force(name);
      using auto = createSelector();
      expect(auto.name).toBe(BEST);
    }
  });

  it("throws RangeError for a name that does not exist, given or in IOMUX_SELECTOR", () => {
    const message = 'Unknown selector "devpoll"; there are select, poll, epoll, kqueue, ' +
      "wsapoll and auto";
    const error = thrownBy(() => createSelector("devpoll" as SelectorName));
    expect(error instanceof RangeError).toBe(true);
    expect(error.message).toBe(message);
    force("devpoll");
    expect(thrownBy(() => createSelector("auto")).message).toBe(message);
  });

  it("does not take names from Object.prototype", () => {
    expect(() => createSelector("constructor" as SelectorName)).toThrow(RangeError);
  });
});

describe("the classes", () => {
  it("have the names of their backends", () => {
    const here = availableSelectors().filter(({ available }) => available);
    for (const Class of [SelectSelector, PollSelector, EpollSelector, WsaPollSelector]) {
      if (!here.some(({ name }) => `${name}selector` === Class.name.toLowerCase())) continue;
      using selector = new Class();
      expect(`${selector.name}selector`).toBe(Class.name.toLowerCase());
    }
  });

  it("DefaultSelector is a class like them", () => {
    using selector = new DefaultSelector<string>();
    expect(selector instanceof DefaultSelector).toBe(true);
    expect(selector.name).toBe(createSelectorName());
  });

  it("DefaultSelector is what IOMUX_SELECTOR names, or says why it can't be", async () => {
    const elsewhere = onWindows ? "epoll" : "wsapoll";
    for (
      const [name, answer] of [
        ["select", /^select$/],
        ["devpoll", /^Unknown selector "devpoll"/],
        [elsewhere, new RegExp(`^Cannot use ${elsewhere}: `)],
      ] as const
    ) expect(await new Program("default_selector.ts", [name]).line()).toMatch(answer);
  });

  const createSelectorName = () => {
    using selector = createSelector("auto");
    return selector.name;
  };
});

describe("lib/mod.ts", () => {
  it("exports selectors and net", () => {
    for (
      const name of [
        ...["EVENT_READ", "EVENT_WRITE", "createSelector", "availableSelectors", "wake"],
        ...["DefaultSelector", "SelectSelector", "PollSelector", "EpollSelector", "OSError"],
        ...["AlreadyRegisteredError", "NotRegisteredError", "SelectorClosedError"],
        ...["Socket", "socketPair", "WOULD_BLOCK", "getAvailablePort", "getNetworkAddress"],
      ]
    ) expect(name in library).toBe(true);
    expect([library.EVENT_READ, library.EVENT_WRITE]).toEqual([1, 2]);
  });

  it("is what deno.json exports as it is, and package.json as the JavaScript made of it", () => {
    const exportsOf = (file: string) => {
      const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
      return JSON.parse(readFileSync(path, "utf8")).exports["."];
    };
    expect(exportsOf("deno.json")).toBe("./lib/mod.ts");
    const built = "./dist/package/mod"; // what is in it: tests/package_test.ts
    expect(exportsOf("package.json")).toEqual({ types: `${built}.d.ts`, default: `${built}.js` });
  });
});
