// A zip archive (APPNOTE.TXT 6.3): each file deflated, with the permissions of Unix.
import { crc32, deflateRawSync } from "node:zlib";

/** What goes into it: `name` with forward slashes. */
export interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

const VERSION = 20, DEFLATED = 8, UNIX = 3 << 8;
const TIME = 0, DATE = (1 << 5) | 1; // 1980-01-01: the same files make the same archive

export function zip(entries: readonly Entry[], level: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes, executable } of entries) {
    const path = new TextEncoder().encode(name);
    const packed = deflateRawSync(bytes, { level });
    // Common to the header before the file and its entry in the directory.
    const about = Buffer.alloc(26);
    const fields16 = [VERSION, 1 << 11, DEFLATED, TIME, DATE]; // names are UTF-8
    fields16.forEach((value, i) => about.writeUInt16LE(value, 2 * i));
    about.writeUInt32LE(crc32(bytes), 10);
    about.writeUInt32LE(packed.length, 14);
    about.writeUInt32LE(bytes.length, 18);
    about.writeUInt16LE(path.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), about, path, packed);

    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(((0o100000 | (executable ? 0o755 : 0o644)) << 16) >>> 0, 6);
    entry.writeUInt32LE(at, 10);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(UNIX | VERSION);
    directory.push(Buffer.from("PK\x01\x02"), madeBy, about, entry, path);
    at += 4 + about.length + path.length + packed.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
