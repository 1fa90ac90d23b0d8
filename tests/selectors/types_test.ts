// What the types promise: checked by the compiler, and run so that the promises are true as well.
import { describe, expect, it } from "bun:test";
import { Socket, socketPair } from "../../lib/net/mod.ts";
import {
  createSelector,
  DefaultSelector,
  EVENT_READ,
  EVENT_WRITE,
  type SelectorKey,
} from "../../lib/selectors/mod.ts";
import { ownership } from "../support/sockets.ts";

describe("types", () => {
  const own = ownership();

  it("the key of a registered Socket has it as a Socket", () => {
    const [selector, server] = own(createSelector(), Socket.listen({ host: "127.0.0.1" }));
    const key = selector.register(server, EVENT_READ);
    expect(key.fileobj.accept()).toBe(null);
    expect(selector.getKey(server).fileobj.port).toBe(server.port);
    expect(selector.modify(server, EVENT_READ).fileobj.accept()).toBe(null);
    const named: SelectorKey<unknown, Socket> = key;
    expect(named.fileobj).toBe(server);
  });

  it("DefaultSelector is a class: it names a type, and can be extended", () => {
    class Mine extends DefaultSelector<string> {}
    const [mine, a] = own(new Mine(), ...socketPair());
    const selector: DefaultSelector<string> = mine;
    const any: DefaultSelector = new DefaultSelector();
    any.close();
    expect(selector.register(a, EVENT_READ, "mine").data).toBe("mine");
    expect(selector).toBeInstanceOf(DefaultSelector);
  });

  it("data that can't be undefined can't be left out", () => {
    const [selector, a] = own(createSelector<() => string>(), ...socketPair());
    // @ts-expect-error: the selector's data are callbacks
    selector.register(a, EVENT_READ);
    // @ts-expect-error: nor here, where it would become undefined
    expect(selector.modify(a, EVENT_WRITE).data).toBe(undefined);
    selector.modify(a, EVENT_WRITE, () => "called");
    expect(selector.select(1000)[0]![0].data()).toBe("called");
  });

  it("data that may be undefined, or is not known, can be left out", () => {
    const [maybe, unknown, a] = own(
      createSelector<string | undefined>(),
      createSelector(),
      ...socketPair(),
    );
    expect(maybe.register(a, EVENT_READ).data).toBe(undefined);
    expect(unknown.register(a, EVENT_READ).data).toBe(undefined);
    expect(maybe.modify(a, EVENT_READ, "now").data).toBe("now");
  });
});
