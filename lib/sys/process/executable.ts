/**
 * Why execve(2) would refuse a file, found out without starting it: what a loader would only notice when
 * the first client is there.
 *
 * The rules are those of fs/binfmt_script.c and fs/binfmt_elf.c of Linux; ELF is described in elf(5).
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { on } from "../system.ts";

/** How files of Mach-O begin, in its forms. */
const MACH_O = ["cffaedfe", "feedfacf", "cafebabe"];
const ELF = "7f454c46";
/** As much of a first line is looked at by the system. */
const HEAD_BYTES = 256;
/** So many scripts in a row may be each other's interpreters: BSDs have a program behind the first. */
const MOST_SCRIPTS = on(5, 1, 1, 0);

const NO_PROGRAM =
  'it is no program of this system, and as a script it needs a first line such as "#!/bin/sh"';

/** Whether a file exists that may be executed. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

/** Whether there is a file, to be used or not. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What keeps an executable file from being started; undefined when nothing does, or no one can tell. */
export function startProblem(path: string, scripts = 0): string | undefined {
  const file = openFile(path);
  if (file === undefined) return undefined; // to be started, a file need not be readable
  try {
    const head = readAt(file, 0, HEAD_BYTES);
    const magic = head.toString("hex", 0, 4);
    if (magic === ELF) return elfProblem(file);
    if (MACH_O.includes(magic)) return undefined;
    const [, interpreter] = /^#![ \t]*([^ \t\n\0]+)/.exec(head.toString("latin1")) ?? [];
    if (interpreter === undefined) return hasOtherFormats() ? undefined : NO_PROGRAM;
    if (scripts === MOST_SCRIPTS) return "too many scripts are each other's interpreters";
    const why = interpreterProblem(Buffer.from(interpreter, "latin1").toString(), scripts + 1);
    return why && `its interpreter ${why}`;
  } catch (error) {
    return `it can't be read: ${(error as NodeJS.ErrnoException).code}`;
  } finally {
    closeSync(file);
  }
}

function interpreterProblem(path: string, scripts: number): string | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return `${path} does not exist`;
  if (!isExecutable(path)) return `${path} may not be executed`;
  const problem = startProblem(path, scripts);
  return problem && `${path} can't be started: ${problem}`;
}

function openFile(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}

/** As many of the bytes as there are. */
function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}

/** e_machine of what this machine runs: its own programs, and the 32-bit ones of x64 and arm64. */
const MACHINES: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40] };
const ET_EXEC = 2, ET_DYN = 3;
const PT_LOAD = 1, PT_INTERP = 3;

function elfProblem(file: number): string | undefined {
  const broken = "it is a broken program (ELF)";
  const { size } = fstatSync(file);
  const head = readAt(file, 0, 64);
  const wide = head[4] === 2;
  if (head.length < (wide ? 64 : 52) || head[4]! < 1 || head[4]! > 2 || head[5] !== 1) {
    return broken;
  }
  const machine = head.readUInt16LE(18);
  if (!(MACHINES[process.arch] ?? [machine]).includes(machine)) {
    return hasOtherFormats() ? undefined : "it is a program for another kind of machine";
  }
  if (![ET_EXEC, ET_DYN].includes(head.readUInt16LE(16))) return broken;
  const start = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const each = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  const table = readAt(file, start, Math.min(each * count, 1 << 16));
  if (each !== (wide ? 56 : 32) || count === 0 || table.length < each * count) return broken;
  for (let at = 0; at < table.length; at += each) {
    const kind = table.readUInt32LE(at);
    const offset = wide ? Number(table.readBigUInt64LE(at + 8)) : table.readUInt32LE(at + 4);
    const length = wide ? Number(table.readBigUInt64LE(at + 32)) : table.readUInt32LE(at + 16);
    if (kind !== PT_LOAD && kind !== PT_INTERP) continue;
    if (length > 0 && offset + length > size) return broken;
    if (kind === PT_LOAD) continue;
    const loader = readAt(file, offset, Math.min(length, 4096)).toString().replace(/\0.*$/s, "");
    if (!isExecutable(loader)) return `its loader ${loader} does not exist`;
  }
}

/** The system knows formats that are unknown here, such as those of emulators: binfmt_misc. */
function hasOtherFormats(): boolean {
  try {
    return readdirSync("/proc/sys/fs/binfmt_misc").length > 2; // "register" and "status"
  } catch {
    return false;
  }
}
