/** What a run of misbehaving clients is asked to do, and what it reports: plain data. */
import type { Thread } from "../engine/mod.ts";
import type { Plan } from "../stress/plan/plan.ts";
import type { Mismatch } from "../result/result.ts";
import type { Distribution } from "../result/recorder.ts";

/** The profiles, in the order in which "all" runs them: those that leave the most behind come last. */
export const PROFILE_NAMES = [
  "half-close",
  "fin-first",
  "silent",
  "drip",
  "unread-close",
  "reset",
  "never-read",
] as const;

export type ProfileName = typeof PROFILE_NAMES[number];

/** Well-behaved connections that must not notice anything. */
export const WITNESSES = 2;

export interface ProfileSettings {
  /** Target, traffic, timeout and TLS are used; `connections` are the numbers that traffic is made for. */
  readonly plan: Plan;
  readonly profiles: readonly ProfileName[];
  readonly misbehaving: number;
  /** Bytes that the target may take from all clients that never read, kernel buffers included. */
  readonly limit: number;
}

export interface ProfileData {
  readonly settings: ProfileSettings;
  /** One Int32: 1 at an interrupt. */
  readonly control: SharedArrayBuffer;
}

/** Starts the thread of a probe; main.ts provides it, because Workers can only be started there. */
export type SpawnProbe = (role: "probe", data: ProfileData) => Thread;

/** How many connections are numbered in a run: one first, then of each profile. */
export const connectionsOf = (profiles: number, misbehaving: number): number =>
  1 + profiles * (misbehaving + WITNESSES + 1);

export interface ProfileRow {
  readonly name: ProfileName;
  readonly ok: boolean;
  /** What the clients did, what the target had to do, and what it did. */
  readonly did: string;
  readonly expected: string;
  readonly observed: string;
  /** Why it failed; empty when it passed. */
  readonly reasons: readonly string[];
  readonly duration_s: number;
  /** Of the misbehaving clients. */
  readonly connections: number;
  readonly messages: { readonly sent: number; readonly answered: number };
  readonly bytes: { readonly sent: number; readonly received: number };
  /** The first wrong bytes that any client received, a witness included. */
  readonly first_mismatch: Mismatch | null;
  readonly witnesses: {
    readonly connections: number;
    readonly answered: number;
    readonly latency_us: Distribution;
  };
  /** How long the new connection took afterwards, with its message; null when that failed. */
  readonly recovery_us: number | null;
}

/** Why nothing can be said of the target: it serves no well-behaved client, or this machine can't be one. */
export interface Refusal {
  readonly kind: "unreachable" | "silent" | "gone" | "wrong" | "own";
  /** An errno's name or a code of TLS; null when the connection was closed in order, or nothing came. */
  readonly code: string | null;
  /** What happened: the predicate of a sentence about the target, or of its own a whole one. */
  readonly reason: string;
}

export type ProfileMessage =
  | { readonly type: "ready"; readonly wakeFd: number }
  | { readonly type: "row"; readonly row: ProfileRow }
  | { readonly type: "end"; readonly refusal: Refusal | null };
