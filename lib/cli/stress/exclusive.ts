/** Options of a run that can't be meant together, on the command line and in a scenario. */

/** Pairs, and why they exclude each other. */
export const EXCLUSIVE: readonly (readonly [string, string, string])[] = [
  ["message", "messageFile", "'--message' and '--message-file' exclude each other"],
  ["message", "messagesFrom", "'--message' and '--messages-from' exclude each other"],
  ["messageFile", "messagesFrom", "'--message-file' and '--messages-from' exclude each other"],
  ["size", "messagesFrom", "'--size' is for the seeded stream; '--messages-from' has its own"],
  ["think", "rate", "'--think' waits after a reply; with '--rate' messages have their own times"],
  ["size", "message", "'--size' is for the seeded stream; '--message' has the size that it has"],
  ["size", "messageFile", "'--size' is for the seeded stream; a '--message-file' has its own"],
  ["hold", "rate", "'--hold' keeps connections idle, '--rate' does not"],
  ["hold", "messagesPerConnection", "'--hold' and '--messages-per-connection' exclude each other"],
  ["hold", "messages", "'--hold' sends one message on each connection, whatever '--messages' says"],
  ["source", "unix", "'--source' is for TCP, a Unix socket has no local address"],
];
