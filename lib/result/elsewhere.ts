/** Where the time of a connection's messages goes that is no latency: what a generator measures of it. */

/** Each cause, with what is said of the messages in flight that it cost. */
export const ELSEWHERE = {
  unopened: "had no connection, as it was never made",
  gone: "had no connection, as it had ended and was not replaced",
  renewed: "waited for a new connection after one that was ended in order",
  replaced: "waited for a new connection in place of a lost one",
  never: "waited for replies that never came",
  wrong: "were for replies that were wrong or errors",
  evidence: "were held back while more of a wrong reply was waited for",
  edge: "were on their way when the run began or stopped: a longer run says more",
  done: "had no message left to send",
} as const;

export type Elsewhere = keyof typeof ELSEWHERE;

/** For each cause milliseconds of all messages together, or messages on average. */
export type Spent = Record<Elsewhere, number>;

export const nothingSpent = (): Spent =>
  Object.fromEntries(Object.keys(ELSEWHERE).map((cause) => [cause, 0])) as Spent;
