// Several test files in one process, on Deno and Node (scripts/testing/plan.ts): IOMUX_TEST_FILES has their
// paths, a line each. runner.ts puts the path in front of what each of them is about.
import { pathToFileURL } from "node:url";
import { loading } from "./loading.ts";

for (const path of process.env.IOMUX_TEST_FILES!.split("\n")) {
  loading.file = path.slice(path.lastIndexOf("/tests/") + 1);
  await import(pathToFileURL(path).href);
}
loading.file = undefined;
