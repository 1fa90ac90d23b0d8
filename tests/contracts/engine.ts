// What every engine must do: the promises of lib/engine/engine.ts, one by one.
import { describe } from "bun:test";
import type { CreateEngine } from "../support/engines.ts";
import { flowCases } from "./engine_flow.ts";
import { listenerCases } from "./engine_listener.ts";
import { lastWordsCases } from "./engine_last_words.ts";
import { manyCases } from "./engine_many.ts";
import { orderCases } from "./engine_order.ts";
import { retainCases } from "./engine_retain.ts";
import { resetCases } from "./engine_reset.ts";
import { releaseCases } from "./engine_release.ts";
import { turnCases } from "./engine_turns.ts";

/** Runs the whole suite for engines that `create` makes; not all of them take an observer. */
export function engineContract(name: string, create: CreateEngine, observes = true): void {
  describe(`${name} engine: order of calls`, () => orderCases(create));
  describe(`${name} engine: sending and receiving`, () => flowCases(create));
  describe(`${name} engine: resetting`, () => resetCases(create));
  describe(`${name} engine: last words`, () => lastWordsCases(create));
  describe(`${name} engine: retaining`, () => retainCases(create));
  describe(`${name} engine: several connections`, () => manyCases(create));
  describe(`${name} engine: listeners`, () => listenerCases(create));
  describe(`${name} engine: giving up and taking in`, () => releaseCases(create));
  describe(`${name} engine: turns and timers`, () => turnCases(create, observes));
}
