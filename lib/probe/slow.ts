/** Clients that take their time: a byte now and then, or nothing at all. */
import { formatCount } from "../text/units.ts";
import { briefDuration, plural } from "../text/words.ts";
import { sumOf } from "./client.ts";
import { codes, unaskedReasons } from "./endings.ts";
import type { Finding, Profile } from "./profile.ts";

/** Single bytes of a connection; the rest of its message follows at once. */
const BYTES = 200;
/** Between two of them. */
const DRIP_MS = 5;
/** Messages of a connection: more would take longer than the timeout. */
const MESSAGES = 2;
/** For which part of the timeout nothing is sent. */
const SILENCE = 1 / 5;

/** A byte at a time, as from a bad line or a slowloris: requests are whole only in the end. */
export const drip: Profile = {
  expected: ({ listens }) => listens ? "every reply" : "reads all of it",

  run(scene): Finding {
    const clients = scene.connect();
    const messages = clients.map((client) => client.nextMessage());
    // A single message of many bytes, or several of few, which differ in their bytes only.
    const rounds = messages[0] === undefined ? 0 : Math.min(MESSAGES, scene.burst(MESSAGES));
    const bytes = Math.min(BYTES, Math.max(0, ...messages.map(({ length }) => length)));
    const everyMs = Math.max(1, Math.min(DRIP_MS, scene.timeoutMs / (2 * bytes * rounds)));
    for (let round = 0; round < rounds; round++) {
      if (round > 0) clients.forEach((client, i) => messages[i] = client.nextMessage());
      for (let at = 0; at < bytes; at++) {
        for (const [i, client] of clients.entries()) {
          client.sendPart(messages[i]!, at, Math.min(at + 1, messages[i]!.length));
        }
        scene.pass(everyMs);
      }
      for (const [i, client] of clients.entries()) {
        client.sendPart(messages[i]!, bytes, messages[i]!.length);
      }
    }
    const due = rounds * clients.length;
    const answered = () => sumOf(clients, (client) => client.answered);
    const done = () =>
      scene.listens ? answered() >= due : clients.every(({ queued }) => queued === 0);
    const wrong = () => clients.some((client) => client.over || client.replies.broken);
    scene.until(() => done() || wrong());
    const lost = clients.filter(({ over, ended }) => over || ended);
    const reasons = scene.connectReasons();
    if (lost.length > 0) {
      const broken = lost.filter(({ error }) => error !== null);
      const how = broken.length > 0 ? ` (${codes(broken)})` : "";
      reasons.push(
        `closed ${formatCount(lost.length)} of ${plural(clients.length, "connection")}${how}`,
      );
    }
    if (!done()) {
      reasons.push(
        scene.listens
          ? `left ${formatCount(due - answered())} of ${plural(due, "message")} without a reply`
          : `did not read within ${briefDuration(scene.timeoutMs)}`,
      );
    }
    return {
      did: `${plural(clients.length, "connection")}, a byte every ${briefDuration(everyMs)}, ` +
        `${plural(rounds, "message")} each`,
      observed: scene.listens
        ? `${formatCount(answered())} of ${formatCount(due)} replies`
        : `${formatCount(lost.length)} closed`,
      reasons,
    };
  },
};

/** Nothing at all. A server with an idle timeout may close in order; another one answers a late message. */
export const silent: Profile = {
  expected: ({ listens }) => listens ? "nothing or FIN; a late reply" : "stays open, or FIN",

  run(scene): Finding {
    const quietMs = scene.timeoutMs * SILENCE;
    const clients = scene.connect();
    scene.until(() => clients.every(({ over, ended }) => over || ended), quietMs);
    const early = clients.filter(({ broken }) => broken);
    const open = clients.filter(({ over, ended }) => !over && !ended);
    const unasked = unaskedReasons(scene, clients);
    for (const client of open) client.send(1);
    const served = () => open.filter(({ answered, ended }) => answered > 0 || ended).length;
    const done = () => open.every(({ answered, ended, over }) => answered > 0 || ended || over);
    if (scene.listens) scene.until(done);
    const reasons = [...scene.connectReasons(), ...unasked];
    if (early.length > 0) {
      reasons.push(`broke off ${plural(early.length, "silent connection")} (${codes(early)})`);
    }
    if (scene.listens && served() < open.length) {
      reasons.push(`did not answer ${open.length - served()} of ${open.length} late messages`);
    }
    return {
      did: `${plural(clients.length, "connection")}, nothing for ${briefDuration(quietMs)}, ` +
        "then a message",
      observed: `${plural(clients.length - open.length, "close")}` +
        (scene.listens ? `, ${served()} of ${open.length} late replies` : ""),
      reasons,
    };
  },
};
