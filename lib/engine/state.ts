/** What a connection of the readiness engine is, as bits: a field for each would be 8 bytes. */

export const CONNECTING = 1;
/** By its handler: it receives nothing. */
export const PAUSED = 2;
/** The peer has sent FIN. */
export const PEER_ENDED = 4;
/** FIN goes out when the queue is empty. */
export const ENDING = 8;
export const CLOSED = 16;
/** It is not, or no longer, watched edge-triggered: something may have been left undone. */
export const LEVEL = 32;
/** Too much is queued: nothing is received until the peer has taken some. */
export const HELD = 64;
/** Other processes may have the descriptor too: closing it does not end the connection. */
export const SHARED = 128;
/** A send has failed: what came before is still received. */
export const BROKEN = 256;
/** Something was received that is not delivered. */
export const AHEAD = 512;
/** With both, nothing more can happen to it. */
export const OVER: number = PEER_ENDED | ENDING;
/** On the readiness engine, what the selector watches stands above all others. */
export const WATCHED_SHIFT = 10;
