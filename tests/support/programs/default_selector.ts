// Says what DefaultSelector is when IOMUX_SELECTOR is set to the first argument before it is loaded.
import { writeSync } from "node:fs";

process.env.IOMUX_SELECTOR = process.argv[2];
const { DefaultSelector } = await import("../../../lib/selectors/mod.ts");
let answer: string;
try {
  answer = new DefaultSelector().name;
} catch (error) {
  answer = (error as Error).message;
}
writeSync(1, `${answer}\n`);
