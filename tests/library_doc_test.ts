// Every program of docs/library.md, on the runtime that runs this.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/cli.ts";
import { runExamples, writeExample } from "./support/doc_examples.ts";
import { TempDir } from "./support/files.ts";
import { fencedBlocks } from "./support/shell_blocks.ts";

const document = readFileSync(join(root, "docs", "library.md"), "utf8");
const programs = document.split("\n## ").slice(1).flatMap((section) => {
  const title = section.slice(0, section.indexOf("\n"));
  return fencedBlocks(section).filter(({ lang }) => lang === "ts")
    .map(({ text }) => ({ title, text }));
});

/** In place of the document's own two peers: one that is cut, and one that must see it. */
const RESETS = `
const server = Socket.listen({ host: "127.0.0.1", port: 0 });
function connection(): [Socket, Socket] {
  const { port } = server.localAddress as { port: number };
  const socket = Socket.connect({ host: "127.0.0.1", port, timeoutMs: 5000 });
  for (;;) {
    const accepted = server.accept();
    if (accepted) return [socket, accepted];
  }
}
function received(socket: Socket): string {
  for (const until = performance.now() + 5000; performance.now() < until;) {
    selector.dispatch(10, (key) => key.data());
    try {
      const count = socket.recv(buffer);
      if (count === 0) return "end";
      if (count > 0) return new TextDecoder().decode(buffer.subarray(0, count));
    } catch (error) {
      return (error as { code: string }).code;
    }
  }
  return "nothing";
}
const seen: string[] = [];
for (const upstreamIsCut of [true, false]) {
  const [client, a] = connection(), [target, b] = connection();
  proxy(a, b);
  const [cut, other] = upstreamIsCut ? [target, client] : [client, target];
  cut.send(new TextEncoder().encode("a part"));
  seen.push(received(other));
  reset(cut);
  seen.push(received(other));
}
server.close();
seen.push(String(selector.getMap().size));
console.log(seen.join()); // a part,ECONNRESET,a part,ECONNRESET,0
`;

describe("docs/library.md", () => {
  it("has a program for each task", () => {
    expect(programs.length).toBeGreaterThan(8);
    for (const { text } of programs) expect(text).toContain("console.log(");
  });

  it("A proxy: a reset of one side is one for the other, after what was sent before", async () => {
    const proxy = programs.find(({ title }) => title === "A proxy")!.text;
    const end = proxy.indexOf("const [client, a] = socketPair();");
    expect(end).toBeGreaterThan(0);
    using temp = new TempDir();
    const example = writeExample(temp.file("library"), "program", proxy.slice(0, end) + RESETS);
    expect((await runExamples([example])).get("program")).toBe(undefined);
  });

  for (const { title, text } of programs) {
    it(`${title}: the program prints what it says`, async () => {
      using temp = new TempDir();
      const example = writeExample(temp.file("library"), "program", text);
      expect((await runExamples([example])).get("program")).toBe(undefined);
    });
  }
});
