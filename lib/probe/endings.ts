/** Clients that end first: after their requests, or before they have sent anything. */
import { formatCount } from "../text/units.ts";
import { briefDuration, plural } from "../text/words.ts";
import { type Client, sumOf } from "./client.ts";
import type { Finding, Profile } from "./profile.ts";
import type { Scene } from "./scene.ts";

const MESSAGES = 4;

/** shutdown(2) of the sending side after the requests: all replies are due, then FIN (RFC 9293, 3.6). */
export const halfClose: Profile = {
  expected: ({ listens }) => listens ? "every reply, then FIN" : "FIN",

  run(scene): Finding {
    const messages = scene.burst(MESSAGES);
    const clients = scene.connect();
    for (const client of clients) {
      client.send(messages);
      client.end();
    }
    scene.until(() => clients.every(({ over }) => over));
    const due = messages * clients.length;
    const answered = sumOf(clients, (client) => client.answered);
    const missing = scene.listens && answered < due
      ? [`left ${formatCount(due - answered)} of ${formatCount(due)} replies out`]
      : [];
    return {
      did: `${plural(clients.length, "connection")}, ${plural(messages, "message")} each, then FIN`,
      observed: (scene.listens ? `${formatCount(answered)} of ${formatCount(due)} replies, ` : "") +
        describeEnds(clients),
      reasons: [...scene.connectReasons(), ...missing, ...endReasons(scene, clients)],
    };
  },
};

/** FIN as the first thing: nothing was asked, so there is nothing to say but FIN. */
export const finFirst: Profile = {
  expected: () => "FIN, nothing else",

  run(scene): Finding {
    const clients = scene.connect();
    for (const client of clients) client.end();
    scene.until(() => clients.every(({ over }) => over));
    return {
      did: `${plural(clients.length, "connection")}, FIN at once`,
      observed: describeEnds(clients),
      reasons: [
        ...scene.connectReasons(),
        ...unaskedReasons(scene, clients),
        ...endReasons(scene, clients),
      ],
    };
  },
};

/** How connections were ended that have sent FIN. */
function endReasons({ timeoutMs }: Scene, clients: readonly Client[]): string[] {
  const reasons: string[] = [];
  const reset = clients.filter(({ broken }) => broken);
  const open = clients.filter(({ ended, over }) => !ended && !over);
  if (reset.length > 0) {
    reasons.push(
      `broke off ${plural(reset.length, "connection")} (${codes(reset)}) instead of FIN`,
    );
  }
  if (open.length > 0) {
    reasons.push(
      `did not end ${plural(open.length, "connection")} within ${briefDuration(timeoutMs)}`,
    );
  }
  return reasons;
}

export function unaskedReasons({ listens }: Scene, clients: readonly Client[]): string[] {
  const bytes = sumOf(clients, ({ unasked }) => unasked);
  return listens && bytes > 0
    ? [`sent ${plural(bytes, "byte")} to clients that had sent nothing`]
    : [];
}

/** "FIN from 4 of 4". */
const describeEnds = (clients: readonly Client[]) =>
  `FIN on ${clients.filter(({ ended }) => ended).length} of ${clients.length}`;

export const codes = (clients: readonly Client[]): string =>
  [...new Set(clients.map(({ error }) => error!.code))].join(", ");
