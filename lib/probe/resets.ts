/** Clients that go away abruptly: by RST, or by closing with replies unread. */
import { plural } from "../text/words.ts";
import type { Finding, Profile } from "./profile.ts";

/** For what was sent to arrive before it is followed by a reset. */
const ON_THE_WAY_MS = 50;
/** Messages whose replies are not read, at most. */
const MESSAGES = 200;
/** And their bytes, unless one message has more. */
const BYTES = 1 << 20;

/**
 * RST after half a message, with a reply under way, and right after the connect, in turn. There
 * is no client left to answer; a server that sees an error (ECONNRESET, EPIPE, ECONNABORTED) has to go on.
 */
export const reset: Profile = {
  expected: () => "goes on serving others",

  run(scene): Finding {
    const clients = scene.connect();
    const kinds = [0, 0, 0];
    for (const [i, client] of clients.entries()) {
      if (i % 3 === 0) {
        const message = client.nextMessage();
        client.sendPart(message, 0, message.length >> 1);
      } else if (i % 3 === 2) client.reset();
      kinds[i % 3]!++;
    }
    scene.pass(ON_THE_WAY_MS);
    for (const [i, client] of clients.entries()) {
      if (i % 3 === 1) client.send(1);
      client.reset();
    }
    scene.pass(ON_THE_WAY_MS);
    return {
      did: `RST after half a message (${kinds[0]}), a message (${kinds[1]}), nothing (${kinds[2]})`,
      observed: "",
      reasons: scene.connectReasons(),
    };
  },
};

/** close(2) without reading the replies, which makes the kernel send RST (RFC 1122, 4.2.2.13). */
export const unreadClose: Profile = {
  expected: () => "goes on serving others",

  run(scene): Finding {
    const clients = scene.connect(true);
    const fit = Math.floor(BYTES / Math.max(1, clients[0]?.nextMessage().length ?? 1));
    const messages = Math.max(1, Math.min(scene.burst(MESSAGES), MESSAGES, fit));
    for (const client of clients) client.send(messages);
    for (const [i, client] of clients.entries()) if (i % 2 === 0) client.close();
    scene.pass(ON_THE_WAY_MS);
    for (const client of clients) client.close();
    scene.pass(ON_THE_WAY_MS);
    return {
      did: `${plural(clients.length, "connection")}, ${plural(messages, "message")} each, ` +
        "closed with the replies unread",
      observed: "",
      reasons: scene.connectReasons(),
    };
  },
};
