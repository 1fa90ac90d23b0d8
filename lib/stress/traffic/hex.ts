/** How bytes are shown in a mismatch. */

export const SHOWN = 16;

/** Bytes in hexadecimal, up to 16 of them. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, SHOWN), (byte) => byte.toString(16).padStart(2, "0")).join("");
