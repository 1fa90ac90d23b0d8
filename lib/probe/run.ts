/** The body of the profiles' thread: a well-behaved client first, then one profile after the other. */
import { createEngine } from "../engine/mod.ts";
import { targetName } from "../net/connect.ts";
import { duplicate } from "../sys/posix.ts";
import { tlsClient } from "../tls/mod.ts";
import { dialer } from "../stress/generator/dial.ts";
import { createTraffic } from "../stress/traffic/create.ts";
import { Sources } from "../stress/plan/sources.ts";
import { briefDuration, plural } from "../text/words.ts";
import { type Client, firstWrong, sumOf } from "./client.ts";
import { finFirst, halfClose } from "./endings.ts";
import { neverRead } from "./never_read.ts";
import type { ProfileData, ProfileMessage, ProfileName, ProfileRow, Refusal } from "./plan.ts";
import { reset, unreadClose } from "./resets.ts";
import type { Finding, Profile } from "./profile.ts";
import { Interrupted, Scene } from "./scene.ts";
import { drip, silent } from "./slow.ts";
import { Witnesses } from "./witnesses.ts";

const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  "half-close": halfClose,
  "fin-first": finFirst,
  silent,
  drip,
  "unread-close": unreadClose,
  reset,
  "never-read": neverRead,
};

/** Messages of each witness after the misbehaviour, before the new connection. */
const ROUNDS_AFTER = 3;
/** A target that speaks first does so within this time. */
const GREETING_MS = 50;

/** Runs the profiles. Blocks its thread. */
export function runProfiles(
  { settings, control }: ProfileData,
  post: (message: ProfileMessage) => void,
): void {
  const { plan } = settings;
  const command = new Int32Array(control);
  const endpoint = plan.tls && tlsClient(plan.tls);
  const engine = createEngine({ selector: plan.clientSelector });
  post({ type: "ready", wakeFd: duplicate(engine.wakeHandle.wakeFd) });
  const dial = dialer(engine, plan, new Sources(plan), endpoint);
  const stopped = () => Atomics.load(command, 0) !== 0;
  const scene = new Scene(engine, settings, createTraffic(plan), dial, stopped);
  const refusal = perform(scene, post);
  engine.close();
  endpoint?.free();
  post({ type: "end", refusal });
}

function perform(scene: Scene, post: (message: ProfileMessage) => void): Refusal | null {
  try {
    const refusal = tryTarget(scene);
    if (refusal) return refusal;
    for (const name of scene.settings.profiles) {
      post({ type: "row", row: performOne(scene, name) });
    }
  } catch (error) {
    const { ownFailure } = scene;
    if (ownFailure && error === ownFailure) {
      return { kind: "own", code: ownFailure.code, reason: ownFailure.message };
    }
    if (!(error instanceof Interrupted)) throw error;
  }
  return null;
}

/** Whether a well-behaved client is served: one that serves no client at all fails no profile in particular. */
function tryTarget(scene: Scene): Refusal | null {
  const client = scene.dial();
  scene.until(() => client.opened || client.over);
  if (!client.opened) {
    const { target, timeoutMs } = scene.plan;
    const { code, message } = client.late(targetName(target), timeoutMs);
    client.close();
    return { kind: "unreachable", code, reason: message };
  }
  scene.until(() => client.over || client.ended, GREETING_MS);
  if (scene.listens && client.unasked > 0) {
    const reason = `speaks first (${plural(client.unasked, "byte")}); profiles need one that waits`;
    client.close();
    return { kind: "wrong", code: null, reason };
  }
  exchange(scene, client);
  const refusal = refusalOf(scene, client);
  scene.release([client]);
  return refusal;
}

/** Sends a message, and waits until it is answered or will not be. */
function exchange(scene: Scene, client: Client): boolean {
  client.send(1);
  const done = () => scene.listens ? client.answered > 0 : client.queued === 0;
  scene.until(() => done() || client.over || client.ended || client.replies.broken);
  return done() && !client.replies.broken;
}

function refusalOf({ listens, timeoutMs }: Scene, client: Client): Refusal | null {
  const { error, over, ended, answered, replies } = client;
  const code = error?.code ?? null;
  if (replies.broken || client.truncation) {
    return { kind: "wrong", code, reason: "answers wrong bytes to a well-behaved client" };
  }
  if (listens && answered > 0) return null;
  if (over || ended) {
    const how = code === null ? "closes" : `breaks off (${code})`;
    return { kind: "gone", code, reason: `${how} instead of an answer to a well-behaved client` };
  }
  if (!listens) return null;
  const reason = `does not answer a well-behaved client within ${briefDuration(timeoutMs)}`;
  return { kind: "silent", code, reason };
}

function performOne(scene: Scene, name: ProfileName): ProfileRow {
  const profile = PROFILES[name];
  const startedAt = performance.now();
  const witnesses = new Witnesses(scene);
  scene.cast = [];
  const ready = witnesses.start();
  const finding: Finding = ready
    ? profile.run(scene, witnesses)
    : { did: "nothing, as the witnesses were not served", observed: "", reasons: [] };
  if (ready && !witnesses.failed) witnesses.more(ROUNDS_AFTER);
  scene.release(scene.cast);
  const fresh = recover(scene);
  if (!witnesses.failed) witnesses.more(1);
  witnesses.dismiss();
  const mismatch = firstWrong(scene.cast);
  const reasons = [
    ...finding.reasons,
    ...mismatch ? ["sent wrong bytes, or cut a reply short"] : [],
    ...witnesses.reasons(),
    ...fresh.reason === null ? [] : [fresh.reason],
  ];
  const sum = (of: (client: Client) => number) => sumOf(scene.cast, of);
  return {
    name,
    ok: reasons.length === 0,
    did: finding.did,
    expected: profile.expected(scene),
    observed: finding.observed,
    reasons,
    duration_s: Math.round(performance.now() - startedAt) / 1000,
    connections: scene.cast.length,
    messages: { sent: sum((client) => client.sent), answered: sum((client) => client.answered) },
    bytes: { sent: sum((c) => c.bytesSent), received: sum((client) => client.bytesReceived) },
    first_mismatch: mismatch ?? witnesses.mismatch ?? fresh.client.mismatch,
    witnesses: witnesses.report(),
    recovery_us: fresh.reason === null ? fresh.us : null,
  };
}

/** A new connection after all that: it has to be taken and served. */
function recover(
  scene: Scene,
): { client: Client; us: number; reason: string | null } {
  const client = scene.dial();
  scene.until(() => client.opened || client.over);
  let served = false;
  if (client.opened) served = exchange(scene, client);
  const us = Math.round((performance.now() - client.startedAt) * 1000);
  const code = client.error?.code ?? (client.opened ? "no answer" : "ETIMEDOUT");
  const reason = served
    ? null
    : client.replies.broken
    ? "sent wrong bytes to a new connection afterwards"
    : client.opened
    ? `did not serve a new connection afterwards: ${client.ended ? "closed" : code}`
    : `took no new connection afterwards: ${code}`;
  scene.release([client]);
  return { client, us, reason };
}
