/** What a connection of the io_uring engine is beside the bits that both engines have, as bits. */

// Requests that are under way.
export const RECEIVING: number = 1 << 10;
export const READABLE: number = 1 << 11;
export const WRITABLE: number = 1 << 12;
/** Any of them. */
export const REQUESTS: number = RECEIVING | READABLE | WRITABLE;
/** The receive is to end. */
export const CANCELLING: number = 1 << 13;
/** Something is to be seen to before the next submission. */
export const MARKED: number = 1 << 14;
/** Received while paused, behind what is kept: the peer's end, or an error. */
export const END_WAITS: number = 1 << 15;
/** To be reset rather than closed. */
export const RESET: number = 1 << 16;
/** FIN goes out when the submission is known to have sent all. */
export const FINISHING: number = 1 << 17;
export const DESCRIPTOR_CLOSED: number = 1 << 18;
/** Much arrives at once: it is received when it is readable, by a system call into a large buffer. */
export const BULK: number = 1 << 19;
/** The peer's end has been reported to a poll for writing: such a wait goes another way, see writers.ts. */
export const END_SEEN: number = 1 << 20;
/** It waits that way. */
export const SENDABLE: number = 1 << 21;
