/** An expression as instructions for the machine of regex.ts (after Ken Thompson and Rob Pike). */
import type { ByteSet, Node } from "./regex_parse.ts";

/** One of them. `next` and `other` are numbers of instructions; what is earlier in a split is preferred. */
export type Instruction =
  | { readonly op: "byte"; readonly set: ByteSet; readonly next: number }
  | { readonly op: "split"; next: number; other: number }
  | { readonly op: "begin"; readonly next: number }
  | { readonly op: "end"; readonly next: number }
  | { readonly op: "match" }
  | { readonly op: "fail" };

/** Instructions at most; each counts for as many as it is repeated. */
const MOST = 20_000;

const MATCH = 0;
const FAIL = 1;

/**
 * Compiles; the machine begins at the last instruction. In JavaScript an iteration that takes no byte
 * does not count, where it is not a required one. So what comes after a part is given twice: for when no
 * byte was taken since the iteration has begun, and for when one was. This way there is also no loop
 * without a byte in it.
 * @throws RangeError if it is too long
 */
export function compileRegex(root: Node): Instruction[] {
  const program: Instruction[] = [{ op: "match" }, { op: "fail" }];
  const emit = (instruction: Instruction): number => {
    if (program.length === MOST) {
      throw new RangeError(
        "the expression repeats too much; for a number of bytes there is bytes:N",
      );
    }
    return program.push(instruction) - 1;
  };
  const split = (next: number, other: number): Instruction & { op: "split" } => {
    const instruction = { op: "split", next, other } as const;
    emit(instruction);
    return instruction;
  };
  const latest = () => program.length - 1;

  /** Compiles a part of which `empty` or `taken` comes after, and returns where it begins. */
  const compile = (node: Node, empty: number, taken: number): number => {
    switch (node.type) {
      case "set":
        return emit({ op: "byte", set: node.set, next: taken });
      case "begin":
      case "end":
        return emit({ op: node.type, next: empty });
      case "all":
        return sequence(node.nodes, empty, taken);
      case "any":
        return node.nodes.map((part) => compile(part, empty, taken)).reduceRight((others, part) => {
          split(part, others);
          return latest();
        });
      case "repeat":
        return repeat(node, empty, taken);
    }
  };

  const sequence = (nodes: readonly Node[], empty: number, taken: number): number => {
    const single = empty === taken;
    for (let i = nodes.length - 1; i >= 0; i--) {
      const before = taken;
      taken = compile(nodes[i]!, before, before);
      empty = single ? taken : compile(nodes[i]!, empty, before);
    }
    return empty;
  };

  const repeat = (node: Node & { type: "repeat" }, empty: number, taken: number): number => {
    const choice = (body: number, exit: number): number => {
      if (node.greedy) split(body, exit);
      else split(exit, body);
      return latest();
    };
    let [none, some] = [empty, taken]; // where it goes on before an iteration, and after one
    if (node.max === Infinity) {
      const again = split(taken, taken);
      some = latest();
      const body = compile(node.node, FAIL, some);
      again[node.greedy ? "next" : "other"] = body;
      none = choice(body, empty);
    } else {
      for (let i = node.min; i < node.max; i++) {
        const body = compile(node.node, FAIL, some);
        [none, some] = [choice(body, empty), choice(body, taken)];
      }
    }
    return sequence(new Array<Node>(node.min).fill(node.node), none, empty === taken ? none : some);
  };

  const start = compile(root, MATCH, MATCH);
  if (start !== latest()) split(start, start);
  return program;
}
