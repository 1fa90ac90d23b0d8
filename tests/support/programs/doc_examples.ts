// Runs the examples of doc comments, a file each, one after the other: what each has printed, and how it
// ended, goes to stdout as a line of JSON. A line before each tells which one it is that never ends.
import { pathToFileURL } from "node:url";

const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

for (const file of process.argv.slice(2)) {
  const printed: string[] = [];
  console.log = (...values: unknown[]) => void printed.push(values.map(String).join(" "));
  tell({ file, state: "running" });
  try {
    await import(pathToFileURL(file).href);
    tell({ file, state: "done", printed });
  } catch (error) {
    tell({ file, state: "failed", printed, error: String((error as Error).stack ?? error) });
  }
}
