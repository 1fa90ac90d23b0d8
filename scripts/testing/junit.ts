// What a JUnit report of Bun, Deno or Node says of its tests.

/** What became of one test. */
export interface Test {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Why it failed, and where. */
  readonly message: string;
}

type Attributes = Record<string, string>;

const MOST_LINES = 40;
const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const plain = (text: string): string =>
  text.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (all, decimal, hex, name) =>
      decimal || hex
        ? String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex, 16))
        : ENTITIES[name] ?? all,
  );

/** The attributes of a tag, as they stand in its source. */
const attributes = (source: string): Attributes =>
  Object.fromEntries(
    [...source.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, plain(value!)]),
  );

/** The name of the group that a test is in, outermost first. Bun names the innermost first. */
function groupOf(runtime: string, { classname = "", file = "" }: Attributes): string {
  if (runtime === "deno" || classname === file || classname === "test") return "";
  return runtime === "bun" ? classname.split(" > ").reverse().join(" > ") : classname;
}

/** A name that begins with the path of its file, which may stand in front of every part of it, once. */
function withPathOnce(name: string): string {
  const path = /^tests\/\S+_test\.ts: /.exec(name)?.[0];
  return path === undefined ? name : path + name.replaceAll(path, "");
}

/** The message of a failure, and where in the tests or the sources it came from. */
function messageOf({ message = "" }: Attributes, body: string): string {
  const places = body.split("\n").map((line) => line.trim())
    .filter((line) => /^at .*(?:tests|lib|examples)\//.test(line));
  const text = (message || body).trim().split("\n");
  if (text.length > MOST_LINES) {
    text.splice(MOST_LINES, Infinity, `(${text.length - MOST_LINES} more lines)`);
  }
  return [...text, ...places.slice(0, 3)].join("\n");
}

/** The tests of a report; groups of tests are none. */
export function testsOf(xml: string, runtime: string): Test[] {
  const tests: Test[] = [];
  const testcases = /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  const wrong = /<(failure|error)\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/\1>)/;
  for (const [, tag, body = ""] of xml.matchAll(testcases)) {
    const about = attributes(tag!);
    const group = groupOf(runtime, about);
    const failure = wrong.exec(body);
    tests.push({
      name: group ? `${group} > ${about.name}` : about.name!,
      state: failure ? "failed" : /<skipped\b/.test(body) ? "skipped" : "passed",
      message: failure ? messageOf(attributes(failure[2]!), plain(failure[3] ?? "")) : "",
    });
  }
  // Deno reports a group as one more test; its name then begins those of its members.
  const isGroup = ({ name }: Test) =>
    runtime === "deno" && tests.some((other) => other.name.startsWith(`${name} > `));
  return tests.filter((test) => !isGroup(test))
    .map((test) => ({ ...test, name: withPathOnce(test.name) }));
}
