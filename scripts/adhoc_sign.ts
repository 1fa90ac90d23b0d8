// Gives a thin 64-bit Mach-O executable a fresh ad-hoc signature, or checks the one it has:
//   bun scripts/adhoc_sign.ts FILE [IDENTIFIER]      bun scripts/adhoc_sign.ts --verify FILE
// It stands in for `codesign --force -s -`, which exists on macOS only.
import { createHash } from "node:crypto";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

// Mach-O structures are little-endian.
const MH_MAGIC_64 = 0xfeedfacf;
const MACH_HEADER_SIZE = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LINKEDIT_ALIGNMENT = 0x4000n;
const NAME = 8, VMSIZE = 32, FILEOFF = 40, FILESIZE = 48; // in a segment command
const DATAOFF = 8, DATASIZE = 12; // in the signature's command

// The signature's structures are big-endian.
const MAGIC_SUPERBLOB = 0xfade0cc0;
const MAGIC_CODEDIRECTORY = 0xfade0c02;
const CD_VERSION_EXECSEG = 0x20400;
const CD_FLAGS = 0x20002; // CS_ADHOC | CS_LINKER_SIGNED
const CD_HEADER_SIZE = 88;
const SUPERBLOB_HEADER_SIZE = 20; // with its one index entry
const SLOT_CODEDIRECTORY = 0;
const HASH_SHA256 = 2;
const HASH_SIZE = 32;
const PAGE_BITS = 12;
const EXECSEG_MAIN_BINARY = 1n;

interface Layout {
  signature: number; // file offset of LC_CODE_SIGNATURE
  text: number; // file offset of the command of __TEXT
  linkedit: number; // file offset of the command of __LINKEDIT
  limit: number; // where the signed part of the file ends and the signature begins
}

function locate(file: Buffer): Layout {
  if (file.length < MACH_HEADER_SIZE || file.readUInt32LE(0) !== MH_MAGIC_64) {
    throw new Error("not a thin 64-bit Mach-O file");
  }
  const found: Record<string, number> = {};
  let at = MACH_HEADER_SIZE;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const command = file.readUInt32LE(at);
    if (command === LC_CODE_SIGNATURE) found.signature = at;
    if (command === LC_SEGMENT_64) {
      found[file.toString("latin1", at + NAME, at + NAME + 16).replace(/\0+$/, "")] = at;
    }
    at += file.readUInt32LE(at + 4);
  }
  const { signature, __TEXT: text, __LINKEDIT: linkedit } = found;
  if (signature === undefined) throw new Error("no LC_CODE_SIGNATURE");
  if (text === undefined || linkedit === undefined) throw new Error("no __TEXT or __LINKEDIT");
  return { signature, text, linkedit, limit: file.readUInt32LE(signature + DATAOFF) };
}

const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

function codeDirectory(file: Buffer, layout: Layout, identifier: string): Buffer {
  const ident = Buffer.from(`${identifier}\0`, "utf8");
  const pages = Math.ceil(layout.limit / (1 << PAGE_BITS));
  const hashOffset = CD_HEADER_SIZE + ident.length;
  const cd = Buffer.alloc(hashOffset + HASH_SIZE * pages);
  const words = [
    MAGIC_CODEDIRECTORY,
    cd.length,
    CD_VERSION_EXECSEG,
    CD_FLAGS,
    hashOffset,
    CD_HEADER_SIZE, // offset of the identifier
    0, // special slots
    pages,
    layout.limit,
  ];
  words.forEach((word, i) => cd.writeUInt32BE(word, 4 * i));
  cd.set([HASH_SIZE, HASH_SHA256, 0, PAGE_BITS], 36);
  cd.writeBigUInt64BE(file.readBigUInt64LE(layout.text + FILEOFF), 64);
  cd.writeBigUInt64BE(file.readBigUInt64LE(layout.text + FILESIZE), 72);
  cd.writeBigUInt64BE(EXECSEG_MAIN_BINARY, 80);
  cd.set(ident, CD_HEADER_SIZE);
  for (let page = 0; page < pages; page++) {
    cd.set(pageHash(file, layout.limit, page, PAGE_BITS), hashOffset + HASH_SIZE * page);
  }
  return cd;
}

/** The last page ends where the signature begins. */
function pageHash(file: Buffer, limit: number, page: number, bits: number): Buffer {
  const start = page * 2 ** bits;
  return sha256(file.subarray(start, Math.min(start + 2 ** bits, limit)));
}

function sign(original: Buffer, identifier: string): Buffer {
  const layout = locate(original);
  const pages = Math.ceil(layout.limit / (1 << PAGE_BITS));
  const identifierSize = Buffer.byteLength(identifier) + 1;
  const blobSize = SUPERBLOB_HEADER_SIZE + CD_HEADER_SIZE + identifierSize + HASH_SIZE * pages;
  const size = roundUp(blobSize, 16);
  const file = Buffer.alloc(layout.limit + size);
  original.copy(file, 0, 0, layout.limit);

  // The load commands lie in the first page, so they must be final before it is hashed.
  const linkeditSize = BigInt(file.length) - file.readBigUInt64LE(layout.linkedit + FILEOFF);
  const linkeditPages = (linkeditSize + LINKEDIT_ALIGNMENT - 1n) / LINKEDIT_ALIGNMENT;
  file.writeUInt32LE(size, layout.signature + DATASIZE);
  file.writeBigUInt64LE(linkeditSize, layout.linkedit + FILESIZE);
  file.writeBigUInt64LE(linkeditPages * LINKEDIT_ALIGNMENT, layout.linkedit + VMSIZE);

  const header = [MAGIC_SUPERBLOB, blobSize, 1, SLOT_CODEDIRECTORY, SUPERBLOB_HEADER_SIZE];
  header.forEach((word, i) => file.writeUInt32BE(word, layout.limit + 4 * i));
  file.set(codeDirectory(file, layout, identifier), layout.limit + SUPERBLOB_HEADER_SIZE);
  return file;
}

/** Recomputes every page hash. Returns how many pages there are; throws what is wrong. */
function verify(file: Buffer): number {
  const { signature, linkedit, limit } = locate(file);
  const size = file.readUInt32LE(signature + DATASIZE);
  if (limit + size !== file.length) throw new Error("the signature does not end the file");
  const linkeditEnd = file.readBigUInt64LE(linkedit + FILEOFF) +
    file.readBigUInt64LE(linkedit + FILESIZE);
  if (linkeditEnd !== BigInt(file.length)) throw new Error("__LINKEDIT does not end the file");

  const blob = file.subarray(limit);
  if (blob.readUInt32BE(0) !== MAGIC_SUPERBLOB) throw new Error("no signature where it should be");
  let cd: Buffer | undefined;
  for (let i = 0; i < blob.readUInt32BE(8); i++) {
    if (blob.readUInt32BE(12 + 8 * i) === SLOT_CODEDIRECTORY) {
      cd = blob.subarray(blob.readUInt32BE(16 + 8 * i));
    }
  }
  if (cd?.readUInt32BE(0) !== MAGIC_CODEDIRECTORY) throw new Error("no code directory");
  if (cd[36] !== HASH_SIZE || cd[37] !== HASH_SHA256) throw new Error("its hashes are no SHA-256");
  const hashOffset = cd.readUInt32BE(16), pages = cd.readUInt32BE(28), bits = cd[39]!;
  if (cd.readUInt32BE(32) !== limit || pages !== Math.ceil(limit / 2 ** bits)) {
    throw new Error("it does not cover the whole file");
  }
  let wrong = 0;
  for (let page = 0; page < pages; page++) {
    const at = hashOffset + HASH_SIZE * page;
    if (!pageHash(file, limit, page, bits).equals(cd.subarray(at, at + HASH_SIZE))) wrong++;
  }
  if (wrong > 0) throw new Error(`${wrong} of ${pages} page hashes are wrong`);
  return pages;
}

const checkOnly = process.argv[2] === "--verify";
const [path, identifier = "iomux"] = process.argv.slice(checkOnly ? 3 : 2);
if (!path) {
  console.error("usage: adhoc_sign.ts FILE [IDENTIFIER] | --verify FILE");
  process.exit(2);
}
try {
  if (checkOnly) {
    const pages = verify(readFileSync(path));
    console.log(`${basename(path)}: the hashes of all ${pages} pages are right`);
  } else {
    // Written aside and renamed: macOS remembers the signature of a file it has seen by its inode.
    writeFileSync(`${path}.signed`, sign(readFileSync(path), identifier), {
      mode: statSync(path).mode,
    });
    renameSync(`${path}.signed`, path);
  }
} catch (error) {
  console.error(`${path}: ${(error as Error).message}`);
  process.exit(1);
}
