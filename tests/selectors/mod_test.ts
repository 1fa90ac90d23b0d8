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
} from "../../lib/selectors/mod.ts";
import { Program } from "../support/programs.ts";
import { thrownBy } from "../support/sockets.ts";

const NAMES: SelectorName[] = ["select", "poll", "epoll", "kqueue", "io_uring", "wsapoll"];

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
    const highest = () => {
      using epoll = new EpollSelector();
      return epoll.fileno();
    };
    const before = highest();
    for (let i = 0; i < 10; i++) availableSelectors();
    expect(highest()).toBe(before);
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
    const best = process.platform === "linux" ? "epoll" : auto.name;
    expect([auto.name, byDefault.name]).toEqual([best, best]);
  });

  it('"auto" takes what IOMUX_SELECTOR names; a name given counts more', () => {
    for (const name of ["poll", "select", "epoll"] as const) {
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
      expect(auto.name).toBe("epoll");
    }
  });

  it("throws RangeError for a name that does not exist, given or in IOMUX_SELECTOR", () => {
    const message =
      'Unknown selector "devpoll"; there are select, poll, epoll, kqueue, io_uring, ' +
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
    for (const Class of [SelectSelector, PollSelector, EpollSelector]) {
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
    for (
      const [name, answer] of [
        ["poll", "poll"],
        ["devpoll", /^Unknown selector "devpoll"/],
        ["wsapoll", /^Cannot use wsapoll: /],
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
