/** What a probe has found out: as text, as files, as an exit code. */
import { formatMatrix } from "../../probe/matrix.ts";
import type { ProfileName, ProfileRow, Refusal } from "../../probe/plan.ts";
import { junit, type JunitSuite } from "../../report/junit.ts";
import { tableBlocks } from "../../report/markdown.ts";
import type { ReportTable } from "../../report/tables.ts";
import { connectCodeOf, EXIT } from "../exit.ts";
import { withAdvice } from "../options/tls.ts";
import { adviceFor } from "../limits.ts";
import { columnsOf, say } from "../output.ts";
import { deliver, toJson } from "../results/publish.ts";
import { VERSION } from "../version.ts";
import type { ProbeRead } from "./command.ts";

export interface Outcome {
  readonly rows: ProfileRow[];
  readonly refusal: Refusal | null;
}

/** What to do about a target that serves no client, but for one that speaks first or answers wrong bytes. */
const ADVICE = "; --message and --expect say what it is asked and what it answers";

interface Findings extends Outcome {
  readonly target: string;
  readonly interrupted: boolean;
}

export async function report(
  found: Findings,
  profiles: readonly ProfileName[],
  { options: { json, output } }: ProbeRead,
): Promise<number> {
  const { target, interrupted, rows, refusal } = found;
  if (refusal) {
    const { kind, code, reason } = refusal;
    const what = kind === "own"
      ? reason + adviceFor({ code: code ?? "", message: reason })
      : kind === "unreachable"
      ? withAdvice(code ?? "", reason)
      : `${target} ${reason}${kind === "wrong" ? "" : ADVICE}`;
    say(what);
  }
  const ok = refusal === null && rows.every((row) => row.ok);
  const verdict = ok ? "pass" : "fail";
  const document = { iomux: VERSION, target, interrupted, refusal, profiles: rows, verdict };
  const text = json
    ? toJson(document)
    : refusal && rows.length === 0
    ? ""
    : describe(found, profiles, verdict);
  const files = output.map(({ path, format }) => ({
    path,
    text: format === "junit"
      ? junit([suiteOf(found)])
      : format === "markdown"
      ? tableBlocks(tableOf(found, verdict)).join("\n\n") + "\n"
      : toJson(document),
  }));
  return await deliver(text, files, exitCodeOf(found));
}

/** A test case for each profile; one for the target, if it serves no client at all. */
const suiteOf = ({ target, rows, refusal }: Findings): JunitSuite => ({
  name: target,
  seconds: rows.reduce((sum, row) => sum + row.duration_s, 0),
  cases: [
    ...(refusal ? [{ name: "target", failure: refusal.reason }] : []),
    ...rows.map(({ name, reasons }) => ({
      name,
      failure: reasons.length > 0 ? `the target ${reasons.join("; it ")}` : null,
    })),
  ],
});

const tableOf = ({ target, rows, refusal }: Findings, verdict: string): ReportTable => ({
  title: `iomux probe ${target}: ${verdict}`,
  ...(refusal ? { note: refusal.reason } : {}),
  head: ["profile", "", "expected", "observed"],
  rows: rows.map(({ name, ok, expected, observed, reasons }) => [
    ...[name, ok ? "pass" : "FAIL", expected],
    ok ? observed || "-" : `the target ${reasons.join("; it ")}`,
  ]),
});

function describe(
  { target, rows }: Findings,
  profiles: readonly ProfileName[],
  verdict: string,
): string {
  const passed = rows.filter((row) => row.ok).length;
  const left = profiles.length - rows.length;
  return `target   ${target}\n\n${formatMatrix(rows, columnsOf("stdout"))}\n` +
    `verdict  ${verdict}: ${passed} of ${rows.length} profiles passed` +
    `${left > 0 ? `, ${left} not run (interrupted)` : ""}\n`;
}

const REFUSALS = {
  own: EXIT.failed,
  silent: EXIT.timeout,
  gone: EXIT.peerGone,
  wrong: EXIT.verification,
} as const;

/** Wrong bytes are 6; another reaction than the expected one is 7, as a threshold is. */
function exitCodeOf({ rows, refusal }: Outcome): number {
  if (refusal?.kind === "unreachable") return connectCodeOf([refusal.code]);
  if (refusal) return REFUSALS[refusal.kind];
  if (rows.some((row) => row.first_mismatch !== null)) return EXIT.verification;
  return rows.every((row) => row.ok) ? EXIT.ok : EXIT.threshold;
}
