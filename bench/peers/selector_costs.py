"""What a wait and a registration cost in Python: selector_costs.py select|poll|epoll

For each line "IDLE ACTIVE MILLISECONDS" on stdin, one line of JSON on stdout; see
bench/selector_costs.ts, its counterpart.
"""

import json
import os
import resource
import selectors
import sys
import time

FD_SETSIZE = 1024

CLASSES = {"select": "SelectSelector", "poll": "PollSelector", "epoll": "EpollSelector"}


def cpu():
    return time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)


def usage():
    """The thread's CPU clock is exact; its split comes from timer ticks and is an estimate."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return cpu(), used.ru_utime * 1e9, used.ru_stime * 1e9


def measure(run, window_ns):
    """Doubles the number of calls until half the time is used, and then measures."""
    calls = 1
    while True:
        start = cpu()
        run(calls)
        used = cpu() - start
        if used >= window_ns / 2:
            break
        calls *= 2
    calls = int(calls * window_ns / used) + 1
    before = usage()
    run(calls)
    after = usage()
    names = "cpu_ns", "user_ns", "system_ns"
    costs = {name: after[i] - before[i] for i, name in enumerate(names)}
    return {"calls": calls, **costs}


def measure_case(selector, fds, idle, active, window_ns):
    for i in range(idle + active):
        fds.append(os.eventfd(int(i >= idle), os.EFD_CLOEXEC | os.EFD_NONBLOCK))
    spare = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    fds.append(spare)
    if isinstance(selector, selectors.SelectSelector) and spare >= FD_SETSIZE:
        return {"na": f"descriptor {spare} is not below FD_SETSIZE ({FD_SETSIZE})"}
    for i, fd in enumerate(fds[:-1]):
        selector.register(fd, selectors.EVENT_READ, i)
    found = len(selector.select(0))
    if found != active:
        raise RuntimeError(f"{found} events for {active} ready descriptors")

    def select(calls):
        for _ in range(calls):
            len(selector.select(0))

    def register(calls):
        for i in range(calls):
            selector.register(spare, selectors.EVENT_READ, i)
            selector.unregister(spare)

    return {"select": measure(select, window_ns), "register": measure(register, window_ns)}


name = sys.argv[1]
if name not in CLASSES:
    sys.exit(f"Python's selectors have no {name}")
if not hasattr(os, "eventfd"):
    sys.exit("Python 3.10 is needed, for os.eventfd")
for line in sys.stdin:
    idle, active, ms = line.split()
    fds = []
    with getattr(selectors, CLASSES[name])() as selector:
        result = measure_case(selector, fds, int(idle), int(active), float(ms) * 1e6)
    for fd in fds:
        os.close(fd)
    print(json.dumps(result), flush=True)
