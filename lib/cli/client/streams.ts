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

/** To be made before anything else gets its number. */
export const standardOutput = (spawn: SpawnRelay): Output =>
  new Output(1, kindOf(1), relayOf(spawn, "out"));
