/** How long evidence of a mismatch is waited for, a peer's FIN, and at an interrupt the last replies and FIN. In milliseconds. */
export const PATIENCE_MS = 500;
