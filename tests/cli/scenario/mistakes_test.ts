// How mistakes in a scenario file are told: with file, line, key, what was expected and what was found.
import { describe, expect, it } from "bun:test";
import { UsageError } from "../../../lib/cli/exit.ts";
import { parseScenario } from "../../../lib/cli/scenario/file.ts";

/** What is wrong. */
function mistake(text: string): string {
  try {
    parseScenario(text, "s.yaml");
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("nothing was wrong");
}

describe("a mistake in a scenario is told with its place:", () => {
  const wrong: [what: string, text: string, line: RegExp][] = [
    ["nothing at all", "", /^s\.yaml:1:1: expected a map of options, found nothing$/],
    ["a list", "- 1\n- 2\n", /^s\.yaml:1:1: expected a map of options, found a list$/],
    [
      "an unknown key",
      "size: 1\nconections: 3\n",
      /^s\.yaml:2:1: conections: there is no such key \(did you mean connections\?\)$/,
    ],
    [
      "a key like no other",
      "banana: 3\n",
      /^s\.yaml:1:1: banana: there is no such key; there are target, .*, thresholds$/,
    ],
    [
      "a key that is gone",
      "html: x.html",
      /^s\.yaml:1:1: html: this key is gone: use -o FILE\.html/,
    ],
    [
      "a key in another way",
      "messages_per_connection: 3",
      /:1:1: .*did you mean messages-per-connection/,
    ],
    [
      "an unknown key of a stage",
      "stages:\n  - duration: 1s\n    rat: 5\n",
      /^s\.yaml:3:5: stages\[0\]\.rat: there is no such key \(did you mean rate\?\)$/,
    ],
    [
      "a missing key",
      "stages:\n  - duration: 1s\n  - rate: 5\n",
      /^s\.yaml:3:5: stages\[1\]\.duration: duration is missing$/,
    ],
    [
      "a bad duration",
      "duration: 3 apples",
      /^s\.yaml:1:11: duration: "3 apples" is not a duration, such as 500us/,
    ],
    [
      "no duration",
      "duration: 0s",
      /:1:11: duration: "0s" must be more than 0/,
    ],
    ["a bad size", "size: -4", /:1:7: size: "-4" is not a size, such as/],
    ["a bad rate", "rate: many", /:1:7: rate: "many" is not a rate/],
    [
      "part of a connection",
      "connections: 1.5",
      /:1:14: connections: "1\.5" is not a whole number/,
    ],
    ["a duration without a unit", "duration: 5", /:1:11: duration: "5" has no unit: write 5us/],
    [
      "a list for a number",
      "connections: [1, 2]",
      /:1:14: connections: expected a whole number, found a list/,
    ],
    [
      "nothing for a number",
      "connections:\nsize: 3",
      /^s\.yaml:1:\d+: connections: expected a whole number, found nothing/,
    ],
    [
      "a text for a switch",
      'reconnect: "yes"',
      /:1:12: reconnect: expected true or false, found "yes"/,
    ],
    [
      "a selector that there is not",
      "selector: epol",
      /:1:11: selector: there is no "epol" \(did you mean epoll\?\); there are auto, select/,
    ],
    [
      "a bad threshold",
      "thresholds:\n  - p99<5\n",
      /^s\.yaml:2:5: thresholds\[0\]: threshold "p99<5": "5" has no unit/,
    ],
    [
      "a threshold that is no list",
      "thresholds: p99<5ms",
      /:1:13: thresholds: expected a list, found "p99<5ms"/,
    ],
    ["bad addresses", "source: localhost", /:1:9: source: "localhost" is no (address|network)/],
    [
      "a bad expectation",
      "expect: /(/",
      /^s\.yaml:1:9: expect: cannot use \/\(\/ as an expression/,
    ],
    ["a bad escape", "message: 'a\\q'", /^s\.yaml:1:10: message: "\\q" is no escape/],
    ["no stages", "stages: []", /:1:9: stages: expected at least one stage/],
    [
      "a ramp to nowhere",
      "stages: [{duration: 1s, ramp: true}]",
      /:1:25: stages\[0\]\.ramp: to what\?/,
    ],
    [
      "a rate from nowhere",
      "stages: [{duration: 1s}, {duration: 1s, rate: 5}]",
      /:1:10: stages\[0\]: there is no rate, which stages\[1\] has/,
    ],
    [
      "two times",
      "duration: 5s\nstages: [{duration: 1s}]",
      /^s\.yaml:1:1: duration: the time of a run is that of its stages/,
    ],
    [
      "two messages",
      "message: a\nmessage-file: b",
      /^s\.yaml:2:1: message-file: '--message' and '--message-file' exclude each other/,
    ],
    [
      "two targets",
      "target: a:1\nunix: b",
      /^s\.yaml:2:1: unix: a target and a Unix socket exclude each other/,
    ],
    [
      "a rate of idle connections",
      "hold: true\nstages: [{duration: 1s, rate: 5}]",
      /^s\.yaml:1:1: hold: idle connections have no rate/,
    ],
    ["the same key twice", "size: 1\nsize: 2\n", /^s\.yaml:2:1: Map keys must be unique$/],
    ["no YAML", "size: [1\n", /^s\.yaml:\d:\d: Flow sequence/],
    ["a tag", "size: !big 3", /^s\.yaml:1:7: Unresolved tag: !big/],
    [
      "an alias of nothing",
      "size: *x",
      /^s\.yaml:1:7: size: expected a size such as 64B, found an alias of nothing, \*x$/,
    ],
    [
      "several documents",
      "size: 1\n---\nsize: 2\n",
      /^s\.yaml:2:1: Source contains multiple documents$/,
    ],
  ];
  for (const [what, text, line] of wrong) {
    it(what, () => {
      expect(mistake(text)).toMatch(line);
      expect(mistake(text)).not.toContain("\n");
    });
  }

  it("a key that JavaScript's objects have is no option", () => {
    for (const key of ["constructor", "toString", "hasOwnProperty"]) {
      expect(mistake(`${key}: 1`)).toMatch(/there is no such key/);
    }
  });
});
