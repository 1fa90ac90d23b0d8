/** The standard streams of the client, by a thread where the system has no readiness for them. */
import { Output } from "../../client/output.ts";
import { Relay, type SpawnRelay } from "../../client/relay.ts";
import { kindOf } from "../../sys/stdio/file.ts";

/** What makes a relay of a stream; undefined where none is needed. */
export const relayOf = (
  spawn: SpawnRelay,
  way: "in" | "out",
): ((fd: number) => Relay) | undefined =>
  process.platform === "win32" ? (fd) => new Relay(spawn, way, fd) : undefined;

/** Standard output, or nothing in its place. To be made before anything else gets its number. */
export const standardOutput = (spawn: SpawnRelay, prints = true): Output =>
  new Output(1, prints ? kindOf(1) : "none", relayOf(spawn, "out"));

/**
 * The same of standard error, whose failures cost nothing but what was to be said; undefined where a write
 * may wait.
 */
export const standardError = (): Output | undefined =>
  process.platform === "win32" ? undefined : new Output(2, kindOf(2), undefined, false);
