// File transfer, as blocking code: many receives and sends in a loop, in a worker beside the selector.
// Run: iomux serve -H 127.0.0.1 -p 9999 --handler examples/file_transfer.ts
//
//   put NAME SIZE, then SIZE bytes   "stored NAME SIZE"
//   get NAME                         "SIZE", then the bytes; or "no NAME"
//   bye                              closes
//
// Files live in the folder FILES (default "files"). A file that did not arrive whole is not kept.
import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { writeSync } from "node:fs";
import { join } from "node:path";
import type { BlockingHandler } from "iomux";

const folder = process.env.FILES ?? "files";
mkdirSync(folder, { recursive: true });
const buffer = new Uint8Array(65536);

const handler: BlockingHandler = (socket, { connection }) => {
  const line = socket.readLine(300);
  if (line === null || line === "bye") return "close";
  const say = (text: string) => socket.sendAll(new TextEncoder().encode(text + "\n"));
  const [, verb, name, size] = /^(put|get) (\w[\w.-]*)(?: (\d+))?$/.exec(line) ?? [];
  if (!verb || !name || (verb === "put") !== (size !== undefined)) return say(`what? ${line}`);
  const path = join(folder, name);

  if (verb === "get") {
    const file = statSync(path, { throwIfNoEntry: false });
    if (!file?.isFile()) return say(`no ${name}`);
    const fd = openSync(path, "r");
    try {
      say(`${file.size}`);
      for (let n; (n = readSync(fd, buffer)) > 0;) socket.sendAll(buffer.subarray(0, n));
    } finally {
      closeSync(fd);
    }
    return;
  }

  const partial = join(folder, `.${connection}.part`);
  const fd = openSync(partial, "w");
  let left = Number(size);
  try {
    for (let n = 1; left > 0 && n > 0; left -= n) {
      n = socket.recv(buffer.subarray(0, Math.min(left, buffer.length)));
      writeSync(fd, buffer, 0, n);
    }
  } finally {
    closeSync(fd);
    if (left > 0) rmSync(partial); // the peer has ended, or reset, in the middle
  }
  if (left > 0) return "close";
  renameSync(partial, path);
  say(`stored ${name} ${size}`);
};
export default handler;
