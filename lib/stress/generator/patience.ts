/** How long evidence of a mismatch is waited for, and a peer's FIN. In milliseconds. */
export const PATIENCE_MS = 500;
