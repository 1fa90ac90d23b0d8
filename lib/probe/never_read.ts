/** Clients that send and never read: the target has to stop reading them, or to send them away. */
import { formatCount, formatSize } from "../text/units.ts";
import { briefDuration, plural } from "../text/words.ts";
import { type Client, sumOf } from "./client.ts";
import type { Finding, Profile } from "./profile.ts";
import type { Scene } from "./scene.ts";
import type { Witnesses } from "./witnesses.ts";

const CHUNK = 64 * 1024;
/** Nothing was taken for so long, and others were served meanwhile: the target has stopped reading. */
const CALM_MS = 300;
const CALM_ROUNDS = 3;
/** Of a target that does not answer, and so can read for ever. */
const SINK_BYTES = 16 * 2 ** 20;

/**
 * Back-pressure: a server that reads requests and can't get rid of the replies must stop reading, or the sender
 * fills its memory. Then the clients read after all, and every reply has to be there.
 */
export const neverRead: Profile = {
  expected: ({ listens, settings }) =>
    listens
      ? `stops reading below ${formatSize(settings.limit)}, or closes`
      : "goes on serving others",

  run(scene, witnesses): Finding {
    const { listens, settings, timeoutMs } = scene;
    const clients = scene.connect(true);
    const flood = new Flood(scene, clients, listens ? settings.limit : SINK_BYTES);
    const calmMs = Math.min(CALM_MS, timeoutMs / 4);
    flood.start();
    scene.until(() => flood.over || witnesses.failed || flood.calm(calmMs, witnesses));
    const stopped = flood.calm(calmMs, witnesses) || witnesses.failed;
    const closed = clients.filter(({ over }) => over);
    const taken = flood.taken;
    const did = `${plural(clients.length, "connection")}, endless messages, nothing read`;
    const reasons = scene.connectReasons();
    if (!listens) return { did, observed: `took ${formatSize(taken)}`, reasons };
    if (taken > settings.limit) {
      reasons.push(`took ${formatSize(taken)} from clients that read nothing, and went on`);
    } else if (!stopped && closed.length < clients.length) {
      reasons.push(`was still reading after ${briefDuration(timeoutMs)} and ${formatSize(taken)}`);
    }
    flood.end();
    const stuck = clients.filter(({ over }) => !over);
    let observed = `took ${formatSize(taken)}`;
    if (closed.length > 0) {
      observed += `, closed ${formatCount(closed.length)} of ${formatCount(clients.length)}`;
    }
    if (reasons.length > 0 || stuck.length === 0 || witnesses.failed) {
      return { did, observed, reasons };
    }
    observed += ", stopped";
    witnesses.more(CALM_ROUNDS);
    reasons.push(...readAfterAll(scene, stuck));
    const [answered, sent] = [sumOf(stuck, (c) => c.answered), sumOf(stuck, (c) => c.sent)];
    observed += `; later ${formatCount(answered)} of ${formatCount(sent)} replies`;
    return { did, observed, reasons };
  },
};

/** Reads what has waited, until everything is answered. */
function readAfterAll(scene: Scene, clients: readonly Client[]): string[] {
  for (const client of clients) client.read();
  const received = () => sumOf(clients, ({ bytesReceived }) => bytesReceived);
  // No FIN before: how a target takes that is for another profile to say.
  const done = () =>
    clients.every(({ over, ended, replies, sent, answered }) =>
      over || ended || replies.broken || answered >= sent
    );
  scene.untilStuck(done, received);
  const missing = sumOf(clients, ({ sent, answered }) => sent - answered);
  return missing > 0
    ? [`left ${plural(missing, "message")} without a reply when it was read again`]
    : [];
}

class Flood {
  readonly #scene: Scene;
  readonly #clients: readonly Client[];
  readonly #limit: number;
  readonly #messages: number;
  #ended = false;
  /** When bytes were last taken, and how far the witnesses were. */
  #taken = 0;
  #since = performance.now();
  #rounds = 0;

  constructor(scene: Scene, clients: readonly Client[], limit: number) {
    this.#scene = scene;
    this.#clients = clients;
    this.#limit = limit;
    const length = clients[0]?.nextMessage().length ?? 1;
    this.#messages = Math.max(1, Math.floor(CHUNK / Math.max(1, length)));
  }

  start(): void {
    for (const client of this.#clients) {
      client.onChange = () => this.#push(client);
      this.#push(client);
    }
  }

  end(): void {
    this.#ended = true;
  }

  /** One chunk a turn of the loop; what is queued waits in this process, once for each connection. */
  #push(client: Client): void {
    if (this.#ended || client.over || client.queued > 0 || this.taken > this.#limit) return;
    client.send(this.#messages);
    if (client.queued === 0) this.#scene.engine.after(0, () => this.#push(client));
  }

  get taken(): number {
    return sumOf(this.#clients, ({ bytesSent }) => bytesSent);
  }

  /** There is no more to see: too much was taken, or all clients were sent away. */
  get over(): boolean {
    return this.taken > this.#limit || this.#clients.every(({ over }) => over);
  }

  /** Nothing was taken for `ms`, while witnesses were served: it is not only that the machine was busy. */
  calm(ms: number, witnesses: Witnesses): boolean {
    if (this.taken !== this.#taken) {
      this.#taken = this.taken;
      this.#since = performance.now();
      this.#rounds = witnesses.rounds;
    }
    return performance.now() - this.#since >= ms && witnesses.rounds >= this.#rounds + CALM_ROUNDS;
  }
}
