/** What a profile is: a misbehaviour, and what a target has to do about it. */
import type { Scene } from "./scene.ts";
import type { Witnesses } from "./witnesses.ts";

export interface Profile {
  expected(scene: Scene): string;
  /** Misbehaves; clients that it leaves open are closed afterwards. */
  run(scene: Scene, witnesses: Witnesses): Finding;
}

export interface Finding {
  readonly did: string;
  readonly observed: string;
  /** Why the target has failed: sentences without a subject, which is the target. */
  readonly reasons: readonly string[];
}
