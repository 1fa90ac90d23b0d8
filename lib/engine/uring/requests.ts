/** The requests of the io_uring engine, as they are written into the submission queue: io_uring_enter(2). */
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../sys/constants.ts";
import { SQE_WORDS, type SubmissionQueue } from "../../sys/linux/ring_queues.ts";

// From linux/io_uring.h. Flags of a request are its second byte, its "ioprio" the upper half of the word.
const OP_POLL_ADD = 6;
const OP_ASYNC_CANCEL = 14;
const OP_CLOSE = 19;
const OP_SEND = 26;
const OP_RECV = 27;
const BUFFER_SELECT = 1 << 13;
const CQE_SKIP_SUCCESS = 1 << 14;
const RECV_MULTISHOT = 2 << 16;
const MSG_WAITALL = 0x100;
/** In a completion's flags: the request goes on. */
export const MORE = 2;

/** What a request is for: the high half of its user_data. 0 is nothing. */
export const KIND = { receive: 1, send: 2, readable: 3, writable: 4 } as const;
/** Above the kind stands the number of a send. */
const KIND_BITS = 3;
export const KIND_MASK: number = (1 << KIND_BITS) - 1;

/** The group of buffers that receives take theirs from. */
export const BUFFER_GROUP = 0;

/** Whether it is that of a send, and of which. */
export const isSend = (kind: number): boolean => (kind & KIND_MASK) === KIND.send;
export const sendNumber = (kind: number): number => kind >> KIND_BITS;

/** Requests between two turns; when there are more, they are submitted in between. */
export const MOST_REQUESTS = 4096;
/** A request's number is its place in the queue, and above that which submission it is part of. */
export const SUBMISSION: number = MOST_REQUESTS * SQE_WORDS;

/** Writes requests. What is written is submitted with the next turn, or when there is no more room. */
export class Requests {
  readonly #queue: SubmissionQueue;
  readonly #submit: () => void;

  constructor(queue: SubmissionQueue, submit: () => void) {
    this.#queue = queue;
    this.#submit = submit;
  }

  #push(
    first: number,
    fd: number,
    address: number,
    length: number,
    opFlags: number,
    slot: number,
    kind: number,
  ): number {
    const queue = this.#queue;
    if (queue.full) this.#submit();
    const low = address | 0;
    const high = (address / 2 ** 32) | 0;
    return queue.push(first, fd, low, high, length, opFlags, slot, kind, BUFFER_GROUP);
  }

  /** Receives once, or again and again until a completion without MORE. */
  receive(slot: number, fd: number, again: boolean): void {
    const first = OP_RECV | BUFFER_SELECT | (again ? RECV_MULTISHOT : 0);
    this.#push(first, fd, 0, 0, 0, slot, KIND.receive);
  }

  /** Waits once for events of poll(2). */
  poll(slot: number, fd: number, events: number, kind: number): void {
    this.#push(OP_POLL_ADD, fd, 0, 0, events, slot, kind);
  }

  /** Ends a request, whose last completion follows. */
  cancel(slot: number, kind: number): void {
    this.#push(OP_ASYNC_CANCEL | CQE_SKIP_SUCCESS, -1, slot + kind * 2 ** 32, 0, 0, 0, 0);
  }

  /** Closes a descriptor with the next submission. */
  closeFd(fd: number): void {
    this.#push(OP_CLOSE | CQE_SKIP_SUCCESS, fd, 0, 0, 0, 0, 0);
  }

  /** Makes room for one more request. */
  makeRoom(): void {
    if (this.#queue.full) this.#submit();
  }

  /**
   * Sends what the socket takes at once; a completion follows only when that was not all. Returns the
   * request's place.
   */
  send(slot: number, fd: number, address: number, length: number, number: number): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL;
    const kind = KIND.send | number << KIND_BITS;
    return this.#push(OP_SEND | CQE_SKIP_SUCCESS, fd, address, length, flags, slot, kind);
  }

  /** The number of the send that a request is. */
  numberOf(request: number): number {
    return sendNumber(this.#queue.words[placeOf(request) + 9]!);
  }

  /** How many bytes a request sends. */
  lengthOf(request: number): number {
    return this.#queue.words[placeOf(request) + 6]!;
  }

  /** The request sends so many bytes more. */
  lengthen(request: number, bytes: number): void {
    this.#queue.words[placeOf(request) + 6]! += bytes;
  }

  /** The request does nothing. */
  withdraw(request: number): void {
    this.#queue.words[placeOf(request)] = CQE_SKIP_SUCCESS; // IORING_OP_NOP
  }
}

/** The index of its first word in the queue. */
const placeOf = (request: number) => request & (SUBMISSION - 1);
