// What every selector must do, whatever backend it has: contract.md, section 1.1, row by row, and the
// cases of CPython's Lib/test/test_selectors.py. A new backend is done when this passes for it.
import { describe } from "bun:test";
import type { SelectorName } from "../../lib/selectors/mod.ts";
import type { Create } from "./create.ts";
import { argumentCases } from "./selector_arguments.ts";
import { asyncCases } from "./selector_async.ts";
import { datagramCases } from "./selector_datagrams.ts";
import { dispatchCases } from "./selector_dispatch.ts";
import { lifeCases } from "./selector_life.ts";
import { lostCases } from "./selector_lost.ts";
import { modeCases } from "./selector_modes.ts";
import { portedCases } from "./selector_ported.ts";
import { spinCases } from "./selector_spin.ts";
import { staleCases } from "./selector_stale.ts";
import { timeoutCases } from "./selector_timeouts.ts";
import { wakeupCases } from "./selector_wakeups.ts";

/** Runs the whole suite for one backend. */
export function selectorContract(name: SelectorName, create: Create): void {
  describe(`${name}: CPython's test_selectors.py`, () => portedCases(create));
  describe(`${name}: arguments and errors`, () => argumentCases(name, create));
  describe(`${name}: modify and close`, () => lifeCases(create));
  describe(`${name}: timeouts`, () => timeoutCases(create));
  describe(`${name}: wake-ups and signals`, () => wakeupCases(name, create));
  describe(`${name}: dispatch and events`, () => dispatchCases(create));
  describe(`${name}: stale events and registrations`, () => staleCases(create));
  describe(`${name}: nothing lost, nothing left behind`, () => lostCases(name, create));
  describe(`${name}: modes and raw bits`, () => modeCases(name, create));
  describe(`${name}: selectAsync`, () => asyncCases(create));
  describe(`${name}: datagrams`, () => datagramCases(create));
  describe(`${name}: spin guard`, () => spinCases(create));
}
