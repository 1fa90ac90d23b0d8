/** A table of a report: on the terminal, on the page, in a summary. */
import type { Table } from "../text/table.ts";

/** A table with what it is of, and what has to be known of it. */
export interface ReportTable extends Table {
  readonly title: string;
  readonly note?: string;
}
