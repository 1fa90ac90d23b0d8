/** What reports are made of: on the terminal, on the page, in a summary. */
import type { NamedResult } from "../result/result.ts";
import type { Table } from "../text/table.ts";

/** A table with what it is of, and what has to be known of it. */
export interface ReportTable extends Table {
  readonly title: string;
  readonly note?: string;
}

/** What one run, or several together, have led to. */
export interface Report {
  readonly title: string;
  readonly results: readonly NamedResult[];
  readonly tables?: readonly ReportTable[];
  /** The judgement of all together. */
  readonly verdict: string;
  /** Why it is not "pass", where no result says that itself. */
  readonly reason?: string;
  readonly command?: string | undefined;
}
