/**
 * Our events and the bits of poll(2), which are also those of epoll(7): the one place that maps them.
 *
 * Errors and hang-ups wake readers and writers alike, as in Python's `selectors`. POLLRDHUP, which
 * only Linux reports and only when asked, means that the peer will send no more: it concerns readers only.
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
} from "../../sys/constants.ts";
import { system } from "../../sys/system.ts";
import { EVENT_PRIORITY, EVENT_READ, EVENT_WRITE } from "../selector.ts";

/** On Windows a peer that has only ended its side is a hang-up, and one may still write to it. */
const HUP_FOR_WRITERS = system === "windows" ? 0 : POLLHUP;

const READ_BITS = POLLIN | POLLERR | POLLHUP | POLLNVAL | POLLRDHUP;
const WRITE_BITS = POLLOUT | POLLERR | HUP_FOR_WRITERS | POLLNVAL;

/** What to ask of poll or epoll for EVENT_* bits. */
export const pollBits = (events: number): number =>
  (events & EVENT_READ ? POLLIN : 0) | (events & EVENT_WRITE ? POLLOUT : 0) |
  (events & EVENT_PRIORITY ? POLLPRI : 0);

/** The EVENT_* bits of what poll or epoll reported, asked for or not. */
export const eventsOf = (bits: number): number =>
  (bits & READ_BITS ? EVENT_READ : 0) | (bits & WRITE_BITS ? EVENT_WRITE : 0) |
  (bits & POLLPRI ? EVENT_PRIORITY : 0);
