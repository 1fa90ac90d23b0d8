/** What the kernel makes of the round trips of connections: TCP_INFO (tcp(7)). */
import { meanRoundTrip } from "../../../result/round_trip.ts";
import type { SmoothedRoundTrip } from "../../../result/result.ts";
import type { Observable } from "./slowest.ts";

/** Connections that are asked at most: it is a system call for each. */
const MOST = 100;

/** The kernel's smoothed estimate over some of the connections, which must be open; null where it has none. */
export function smoothedRoundTrip(peers: readonly Observable[]): SmoothedRoundTrip | null {
  const step = Math.max(1, Math.ceil(peers.length / MOST));
  return meanRoundTrip(
    peers.filter((peer, i) => i % step === 0 && !peer.closed).map((peer) => {
      const info = peer.transportInfo();
      return info && { rtt: info.rttUs, variation: info.rttVariationUs, connections: 1 };
    }),
  );
}
