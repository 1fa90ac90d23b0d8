/** An expression as instructions for the machine of regex.ts (after Ken Thompson and Rob Pike). */
import type { ByteSet, Node } from "./regex_parse.ts";

/** One of them. `next` and `other` are numbers of instructions; what is earlier in a split is preferred. */
export type Instruction =
  | { readonly op: "byte"; readonly set: ByteSet; readonly next: number }
  | { readonly op: "split"; next: number; other: number }
  | { readonly op: "begin"; readonly next: number }
  | { readonly op: "end"; readonly next: number }
  | { readonly op: "match" };

/** Instructions at most; each counts for as many as it is repeated. */
const MOST = 20_000;

/** Compiles; the first instruction is the last of the list. @throws RangeError if it is too long */
export function compileRegex(root: Node): Instruction[] {
  const program: Instruction[] = [{ op: "match" }];
  const emit = (instruction: Instruction): number => {
    if (program.length === MOST) {
      throw new RangeError(
        "the expression repeats too much; for a number of bytes there is bytes:N",
      );
    }
    return program.push(instruction) - 1;
  };
  const split = (next: number, other: number, greedy: boolean): number =>
    emit({ op: "split", next: greedy ? next : other, other: greedy ? other : next });

  /** Compiles what comes before `next`, and returns where it begins. */
  const compile = (node: Node, next: number): number => {
    switch (node.type) {
      case "set":
        return emit({ op: "byte", set: node.set, next });
      case "begin":
      case "end":
        return emit({ op: node.type, next });
      case "all":
        return node.nodes.reduceRight((after, part) => compile(part, after), next);
      case "any":
        return node.nodes.map((part) => compile(part, next))
          .reduceRight((others, part) => emit({ op: "split", next: part, other: others }));
      case "repeat":
        return repeat(node, next);
    }
  };

  const repeat = (node: Node & { type: "repeat" }, next: number): number => {
    let start = next;
    if (node.max === Infinity) {
      start = emit({ op: "split", next, other: next });
      const loop = program[start] as Instruction & { op: "split" };
      const body = compile(node.node, start);
      loop.next = node.greedy ? body : next;
      loop.other = node.greedy ? next : body;
    } else {
      for (let i = node.min; i < node.max; i++) {
        start = split(compile(node.node, start), next, node.greedy);
      }
    }
    for (let i = 0; i < node.min; i++) start = compile(node.node, start);
    return start;
  };

  // The machine begins at the last one.
  const start = compile(root, 0);
  if (start !== program.length - 1) emit({ op: "split", next: start, other: start });
  return program;
}
