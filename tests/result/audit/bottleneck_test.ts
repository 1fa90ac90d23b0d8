// What limited a run. Made-up runs, each with one thing wrong, and what must be said of them.
import { describe, expect, it } from "bun:test";
import { audit } from "../../../lib/stress/run/audit.ts";
import { nothingSpent, type Spent } from "../../../lib/result/elsewhere.ts";
import type { CpuUse, Evidence } from "../../../lib/result/audit/evidence.ts";
import { type Distribution, Recorder } from "../../../lib/result/recorder.ts";

/** A distribution in which every value is the same, in microseconds. */
function all(us: number, count = 1000): Distribution {
  return {
    ...{ min: us, mean: us, stddev: 0, p50: us, p90: us, p99: us, p99_9: us, p99_99: us },
    ...{ p99_999: us, max: us, count, unanswered: 0 },
  };
}
const none = new Recorder().summary();

/** An idle machine with four CPUs, of which this process uses `process`. */
const cpuUse = (process: number, more: Partial<CpuUse> = {}): CpuUse => ({
  ...{ process, machine: process + 10, steal: 0, cpus: 4 },
  ...more,
});

/** A closed loop of 50 against a server elsewhere, with nothing wrong. */
const closed: Evidence = {
  ...{ counted: true, seconds: 10, open: false, hold: false, paced: true, inFlight: 50 },
  ...{ messagesPerConnection: null, thinkMs: 0, askedSeconds: 10 },
  ...{ closure: null, elsewhere: nothingSpent(), requested: 50 },
  ...{ busiest: 40, generator: 40, longestStallMs: 0, away: 0 },
  ...{ lag: none, ownLag: none, scheduled: 0, unsent: 0 },
  latency: { ...all(500), min: 400 },
  corrected: null,
  connect: all(200, 50),
  ...{ rate: 100_000, sent: 1_000_000, received: 1_000_000, errors: {} },
  ...{ mismatched: 0, timedOut: 0, lost: 0, failed: 0 },
  ...{ local: false, embedded: null, kernel: {}, cpu: cpuUse(40), openFiles: 20_000 },
};

/** An open loop of 10,000 messages a second that keeps its schedule. */
const open: Evidence = {
  ...closed,
  ...{ open: true, inFlight: null, rate: 10_000, sent: 100_000, scheduled: 100_000 },
  ...{ lag: all(80), ownLag: all(80), corrected: all(580) },
};

/** With a server in this process, which uses `percent` of a CPU. */
const embedded = (run: Evidence, percent: number): Evidence => ({
  ...run,
  ...{ local: true, embedded: { workers: 1 }, cpu: cpuUse(run.generator + percent) },
});

const overloaded: Partial<Evidence> = {
  ...{ rate: 4000, unsent: 60_000, lag: all(3e6), ownLag: all(3e6), corrected: all(3.1e6) },
};

describe("the generator was the bottleneck", () => {
  const cases: [name: string, run: Evidence, reason: RegExp][] = [
    [
      "the run was shorter than the quickest answer, however many came in its last turn",
      { ...closed, seconds: 0.002, askedSeconds: 1e-6, latency: all(12, 60), rate: 6000 },
      /^nothing was measured: the quickest of 60 replies took 12 us, and --duration was 1 us \(the run took 2 ms\)$/,
    ],
    [
      "all of its replies came after its time",
      { ...closed, seconds: 1.48, askedSeconds: 1, latency: all(1.2e6, 2000), rate: 0.7 },
      /: the quickest of 2,000 replies took 1\.2 s, and --duration was 1 s \(the run took 1\.48 s\)$/,
    ],
    [
      "it ended before a reply came",
      { ...closed, seconds: 1.36, askedSeconds: 6, latency: none, rate: 0, sent: 69, received: 0 },
      /^nothing was measured: none of 69 messages was answered, and the run took 1\.36 s$/,
    ],
    [
      "the run ended in its warm-up",
      { ...closed, counted: false, rate: 0, sent: 0, latency: none },
      /^nothing was measured: the run ended in its warm-up$/,
    ],
    [
      "the run ended while it was connecting",
      { ...closed, counted: false, rate: 0, sent: 0, latency: none, connect: all(200, 3) },
      /^nothing was measured: the run ended while it was connecting$/,
    ],
    [
      "a thread of a closed loop used a whole CPU",
      { ...closed, busiest: 99.4, generator: 99.4 },
      /^a generator thread used 99 % of a CPU.*--workers/,
    ],
    [
      "so did one against an embedded server that was less busy",
      embedded({ ...closed, busiest: 99, generator: 99 }, 60),
      /^a generator thread used 99 % of a CPU/,
    ],
    [
      "an open loop was late because its thread used a whole CPU",
      { ...open, ...overloaded, busiest: 98, generator: 98 },
      /^messages left up to 3 s late \(p99\), and 60,000 of 100,000 did not leave at all: .*98 %.*--workers/,
    ],
    [
      "most of a short schedule did not leave",
      { ...open, ...overloaded, seconds: 0.5, scheduled: 5000, unsent: 4150, busiest: 98 },
      /^messages left up to 3 s late \(p99\), and 4,150 of 5,000 did not leave at all/,
    ],
    [
      "an open loop was late, however busy an embedded server was",
      embedded({ ...open, ...overloaded, busiest: 98, generator: 98 }, 98),
      /late \(p99\).*98 % of a CPU/,
    ],
    [
      "an open loop was late because no CPU was free",
      { ...open, ...overloaded, cpu: cpuUse(60, { machine: 399 }) },
      /late.*all CPUs of this machine were in use; the machine has to be less busy/,
    ],
    [
      "an open loop was late because it was stopped for half a second",
      { ...open, ownLag: all(480_000), corrected: all(485_000), longestStallMs: 500, away: 0.05 },
      /late.*it stood still for up to 500 ms/,
    ],
    [
      "a closed loop was stopped for a third of the time",
      { ...closed, away: 0.33, longestStallMs: 3300 },
      /^not let run for 33 % of 10 s: stopped, or other programs had the CPUs$/,
    ],
    [
      "an open loop waited for room, and its thread used a whole CPU",
      { ...open, ...overloaded, inFlight: 50, ownLag: all(50), busiest: 99, generator: 99 },
      /^a generator thread used 99 %/,
    ],
    [
      "ports ran out, be the run as short as it may",
      { ...closed, seconds: 0.2, failed: 7, errors: { EADDRNOTAVAIL: 7 } },
      /^7 connects found no free local port.*--source/,
    ],
    [
      "descriptors ran out",
      { ...closed, seconds: 0.2, failed: 1, errors: { EMFILE: 1 } },
      /^1 connect found no free descriptor \(the limit is 20,000\): raise it with ulimit -n/,
    ],
    ["memory ran out", { ...closed, errors: { ENOBUFS: 3 } }, /^3 times the kernel had no memory/],
  ];
  for (const [name, run, reason] of cases) {
    it(`when ${name}`, () => {
      const report = audit(run, []);
      expect(report.reason).toMatch(reason);
      expect(report.bottleneck).toBe(true);
      const who = report.reason!.startsWith("nothing was measured") ? "" : "the generator: ";
      expect(report.limited_by.startsWith(`${who}${report.reason}`)).toBe(true);
    });
  }
});

describe("the generator was not the bottleneck", () => {
  const cases: [name: string, run: Evidence, limit: RegExp][] = [
    [
      "when a reply takes the time that it takes, which Little's law turns into a rate",
      { ...closed, inFlight: 4, latency: all(20_000) },
      /^the target's time to reply, in a closed loop: 4 in flight at a mean latency of 20 ms make 200\/s at most; more connections or --pipeline would load it more$/,
    ],
    [
      "when replies wait for each other at the target",
      { ...closed, latency: { ...all(500), min: 25 } },
      /^the target: replies took 20\.0 times as long as the fastest \(25 us\)/,
    ],
    [
      "when all replies were errors, however short the run",
      { ...closed, seconds: 0.4, latency: none, rate: 0, received: 0, mismatched: 19_144 },
      /^the target: 19,144 messages had replies that were wrong or errors, and none had another one$/,
    ],
    [
      "when it closed each connection before it answered",
      { ...closed, latency: none, rate: 0, received: 0, lost: 3 },
      /^the target: it ended its connections before it had answered \(3 messages\)$/,
    ],
    [
      "when the embedded server uses its CPU up",
      embedded(closed, 97),
      /^the embedded server, which used 97 % of a CPU with 1 worker.*--server-workers/,
    ],
    [
      "when both use the machine up, as on two CPUs",
      {
        ...embedded({ ...closed, busiest: 96, generator: 96 }, 92),
        cpu: cpuUse(188, { machine: 198, cpus: 2 }),
      },
      /^the 2 CPUs of this machine, which were in use to 99 %: the generator had 96 % of one, its server 92 %/,
    ],
    [
      "when an open loop did what was asked",
      open,
      /^nothing: the asked rate was reached \(10,000\/s\)$/,
    ],
    [
      "when others use the machine up, but the generator mostly waits",
      { ...closed, busiest: 3, generator: 3, cpu: cpuUse(3, { machine: 400 }) },
      /^the target's time to reply/,
    ],
    [
      "when an open loop did so with its thread at 97 %",
      { ...open, busiest: 97, generator: 97 },
      /^nothing: the asked rate was reached/,
    ],
    [
      "when the target stood still, and all replies were late",
      { ...open, latency: all(900_000), corrected: all(950_000) },
      /^nothing: the asked rate was reached/,
    ],
    [
      "when the target answers less than it is asked",
      { ...open, rate: 6000, latency: all(2e6), corrected: all(2e6) },
      /^the target, which answered 6,000 of 10,000 messages\/s, in 2 s on average$/,
    ],
    [
      "when its wrong replies and lost connections left a schedule without connections",
      {
        ...open,
        ...{ rate: 6000, unsent: 40_000, lag: all(4e5), corrected: all(4e5) },
        elsewhere: { ...nothingSpent(), evidence: 10, gone: 5, replaced: 5 },
      },
      /^the target, which answered 6,000 .*; for 40 % of the time its connections were lost, or had /,
    ],
    [
      "when messages waited for room on the connections",
      {
        ...open,
        ...{ inFlight: 4, rate: 800, unsent: 92_000, lag: all(4e6), corrected: all(4e6) },
      },
      /^the target, which answered 800 of 10,000 messages\/s, .*with 4 in flight at most/,
    ],
    [
      "when a lag is most of the latency, but small",
      { ...open, ownLag: all(3000), lag: all(3000), corrected: all(3100) },
      /^nothing: .*; messages left up to 3 ms late \(p99\), which is most of the corrected p99$/,
    ],
    [
      "when a lag is large, but small beside the latency",
      { ...open, ownLag: all(20_000), lag: all(20_000), corrected: all(80_000) },
      /^nothing: the asked rate was reached \(10,000\/s\)$/,
    ],
    [
      "when the target has stood still, and messages had to wait for room",
      { ...open, inFlight: 50, lag: all(900_000), corrected: all(950_000) },
      /^nothing: .* was reached .*, though messages waited for up to 900 ms \(p99\) until a connection/,
    ],
    [
      "when the run was too short to say",
      { ...closed, seconds: 0.4, busiest: 100, generator: 100 },
      /^unknown: a run of 400 ms says too little$/,
    ],
    [
      "when the run was too short to say, but not where its time went",
      {
        ...{ ...closed, seconds: 0.1, askedSeconds: null, latency: all(70, 600) },
        closure: { asked: 50, average: 41, accounted: 0.82 },
        elsewhere: { ...nothingSpent(), done: 8 },
      },
      /^unknown: a run of 100 ms says too little; of 50 in flight, on average 8 had no message left to send$/,
    ],
    [
      "first, when most was held back by wrong replies, and no advice then",
      {
        ...{ ...closed, mismatched: 20, inFlight: 1 },
        closure: { asked: 1, average: 0.01, accounted: 0.01 },
        elsewhere: { ...nothingSpent(), evidence: 0.98 },
      },
      /^of 1 in flight, on average 0\.98 were held back while more of a wrong reply was waited for$/,
    ],
    [
      "first, when most was held back, however long replies took",
      {
        ...{ ...closed, mismatched: 20, inFlight: 9, latency: { ...all(1270), min: 100 } },
        closure: { asked: 9, average: 4, accounted: 0.44 },
        elsewhere: { ...nothingSpent(), evidence: 4.9 },
      },
      /^of 9 in flight, on average 4\.9 were held back while more of a wrong reply was waited for$/,
    ],
    [
      "when most waited for connections that were to be made anew",
      {
        ...{ ...closed, messagesPerConnection: 1, latency: all(300), connect: all(700) },
        closure: { asked: 50, average: 15, accounted: 0.3 },
        elsewhere: { ...nothingSpent(), renewed: 34 },
      },
      /^connecting, in a closed loop: .*; of 50 in flight, on average 34 waited for a new connection after/,
    ],
    [
      "when it was a second long, all but what a timer can be early",
      { ...closed, seconds: 0.9996, askedSeconds: 1 },
      /^the target's time to reply/,
    ],
    [
      "when connections are only held",
      { ...closed, hold: true, busiest: 99, generator: 99 },
      /^nothing: the connections were held; a connect took 200 us/,
    ],
    [
      "when the accept queue of a target on this machine was full",
      {
        ...closed,
        ...{ local: true, connect: { ...all(300), max: 1.02e6 } },
        kernel: { ListenOverflows: 37, TCPSynRetrans: 2 },
      },
      /^connecting: SYN had to be sent again 2 times, and connects waited for up to 1.02 s; .*; an accept queue of this machine overflowed 37 times$/,
    ],
    [
      "when replies did not come, while a queue of somebody else's overflowed",
      {
        ...{ ...closed, timedOut: 5, errors: { ETIMEDOUT: 5 }, local: true },
        kernel: { ListenOverflows: 20, TCPSynRetrans: 12 },
      },
      /^the target: 5 messages had no reply within --timeout; an accept queue of this machine/,
    ],
    [
      "when the target is late, and answers all that it is asked",
      { ...open, seconds: 1, scheduled: 100, rate: 80, latency: all(200_000) },
      /^nothing: the asked rate was sent \(100\/s\), and each reply took 200 ms or longer, those/,
    ],
    [
      "when SYN was lost on the way to a target elsewhere",
      { ...closed, kernel: { TCPSynRetrans: 3 }, connect: { ...all(300), max: 3e6 } },
      /^connecting: SYN had to be sent again 3 times.*the target's accept queue.*or the network/,
    ],
    [
      "when nobody was there",
      {
        ...closed,
        failed: 50,
        errors: { ECONNREFUSED: 50 },
        connect: none,
        latency: none,
        rate: 0,
      },
      /^connecting: no connection was made \(ECONNREFUSED\)$/,
    ],
    [
      "when replies did not come",
      { ...closed, timedOut: 5, errors: { ETIMEDOUT: 5 } },
      /^the target: 5 messages had no reply within --timeout$/,
    ],
    [
      "when connections are made anew all the time",
      { ...closed, messagesPerConnection: 1, latency: all(300), connect: all(700) },
      /^connecting, in a closed loop: .*700 us to be made and then 300 us for each of 1 message, so 50 at a time make 50,000\/s/,
    ],
    [
      "when connections think for longer than replies take, however long the quickest of these took",
      { ...closed, inFlight: 5, thinkMs: 20, latency: { ...all(1400), min: 36 } },
      /^--think, in a closed loop: 5 in flight at a mean latency of 1\.4 ms, and 20 ms of --think after each, make 234\/s at most; more connections/,
    ],
    [
      "when connections think for less than that",
      { ...closed, inFlight: 4, thinkMs: 5, latency: all(20_000) },
      /^the target's time to reply, .* of 20 ms, and 5 ms of --think after each, make 160\/s at most/,
    ],
    [
      "when connections think and are made anew",
      {
        ...closed,
        ...{ messagesPerConnection: 2, thinkMs: 1, latency: all(2000), connect: all(1000) },
      },
      /so 50 at a time make 16,667\/s at most/,
    ],
    [
      "when no replies are awaited",
      { ...closed, paced: false, latency: none },
      /^the target, which took 100,000 messages\/s: it reads no faster$/,
    ],
  ];
  for (const [name, run, limit] of cases) {
    it(name, () => {
      const report = audit(run, []);
      expect(report.limited_by).toMatch(limit);
      expect(report.bottleneck).toBe(false);
      expect(report.reason).toBe(null);
    });
  }
});

describe("what else is said", () => {
  /** A closed loop that does not close: 20 of 50 are accounted for, and of the others this is known. */
  const unclosed = (spent: Partial<Spent>, busiest = 60): Evidence => ({
    ...closed,
    ...{ closure: { asked: 50, average: 30, accounted: 0.6 }, busiest },
    elsewhere: { ...nothingSpent(), ...spent },
  });
  const own = /; of 50 in flight, on average 20 waited for this generator$/;
  const cases: [name: string, run: Evidence, note: RegExp | null][] = [
    ["nothing, of a quiet machine", closed, null],
    [
      "what the host took away",
      { ...closed, cpu: cpuUse(40, { steal: 48 }) },
      /; its host took 12 % of this machine's CPU time \(steal\)$/,
    ],
    ["not what is normal of that", { ...closed, cpu: cpuUse(40, { steal: 4 }) }, null],
    [
      "what other programs used",
      { ...closed, cpu: cpuUse(40, { machine: 240 }) },
      /; other programs used 50 % of this machine's CPUs$/,
    ],
    [
      "that the target is one of them",
      { ...closed, local: true, cpu: cpuUse(40, { machine: 240 }) },
      /; other programs used 50 % of this machine's CPUs, the target among them$/,
    ],
    [
      "nothing of a machine that nobody could be reached from",
      { ...closed, failed: 50, connect: none, local: true, cpu: cpuUse(40, { machine: 240 }) },
      /^connecting: no connection was made \(\)$/,
    ],
    ["that a message waited for the generator, which was busy", unclosed({}), own],
    ["nothing of the kind where it mostly slept", unclosed({}, 3), /20 are not accounted for$/],
    [
      "that replies never came",
      unclosed({ never: 19.6 }),
      /; of 50 in flight, on average 20 waited for replies that never came$/,
    ],
    [
      "that connections were lost and replaced, and what else was much of it, the most first",
      unclosed({ never: 6, replaced: 12, wrong: 2 }),
      /; of 50 in flight, on average 12 waited for a new connection in place of a lost one, and 6 waited for replies that never came$/,
    ],
    ["but not of the one that never came among a million", unclosed({ never: 0.001 }), own],
    [
      "what is most of it, where there are many",
      unclosed({
        ...{ unopened: 4, gone: 3, renewed: 3, never: 3, wrong: 3, evidence: 2, edge: 2 },
      }),
      /; of 50 in flight, on average 4 had no connection, as it was never made$/,
    ],
    ["nothing where nobody tells", { ...closed, cpu: null, kernel: null }, null],
    [
      "that the generator stood still",
      { ...closed, longestStallMs: 120 },
      /; the generator stood still for up to 120 ms, which its highest latencies include$/,
    ],
    [
      "that an accept queue overflowed, though no connect waited",
      { ...closed, local: true, kernel: { ListenOverflows: 1 } },
      /; an accept queue of this machine overflowed 1 time$/,
    ],
    ["not one of another machine's", { ...closed, kernel: { ListenOverflows: 1 } }, null],
    [
      "what was sent again",
      { ...closed, kernel: { RetransSegs: 2000, TCPTimeouts: 30 } },
      /; 2,000 segments were sent again, 30 of them after a timeout of 200 ms or more$/,
    ],
    ["not a few of a million", { ...closed, kernel: { RetransSegs: 20 } }, null],
  ];
  for (const [name, run, note] of cases) {
    it(name, () => {
      const { limited_by: limit } = audit(run, []);
      if (note === null) expect(limit).toBe(audit(closed, []).limited_by);
      else expect(limit).toMatch(note);
    });
  }
});

describe("the report of the generator", () => {
  it("adds its threads up", () => {
    const thread = (ms: number, count: number) => ({
      cpu: { user: ms, system: 2 * ms },
      stalls: { count, maxMs: 12, awayMs: 3 },
      ...{ scheduled: 5, unsent: 0, sent: 5, heldMs: 0.5 },
      timer: { p50Ms: 0.05, p99Ms: ms / 1000, togetherMs: ms / 1000 },
    });
    const report = audit({ ...open, longestStallMs: 12.3 }, [thread(100, 2), thread(50, 1)]);
    expect(report.cpu_s).toEqual({ user: 0.15, system: 0.3 });
    // The least precise timer; one message of ten was 100 us later, on average.
    expect(report.timer_us).toEqual({ p50: 50, p99: 100, together: 100, added: 100 });
    expect(report.loop_stalls).toEqual({ count: 3, max_us: 12_300 });
    expect(report.schedule_lag_us).toEqual({ p50: 80, p99: 80, max: 80 });
    expect([report.scheduled, report.unsent]).toEqual([100_000, 0]);
    expect(audit(closed, [thread(1, 0)]).scheduled).toBe(null);
  });
});
