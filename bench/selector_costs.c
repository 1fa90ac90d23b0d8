// What a wait and a registration cost in C: selector_costs [-t] select|poll|epoll
//
// With -t it has a second thread, which sleeps: then libc makes every call that may block a
// cancellation point, and the kernel counts references to descriptors, as in every runtime.
//
// For each line "IDLE ACTIVE MILLISECONDS" on stdin, one line of JSON on stdout: the CPU time of so
// many calls, each measured for about the given time, with IDLE eventfds that are never readable
// and ACTIVE ones that always are (nobody reads them). See selector_costs.ts, its counterpart.
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include "support/loops.h"

static const struct loop loops[] = {
    {"select", select_open, select_add, select_remove, select_wait, nothing},
    {"poll", poll_open, poll_add, poll_remove, poll_wait, nothing},
    {"epoll", epoll_open, epoll_add, epoll_remove, epoll_wait_once, epoll_close},
};

static const struct loop *loop;
static int fds[MAX_FD], spare;
static long events_seen, sum_seen;

static void on_ready(void *data, int fd, unsigned events) {
  (void)fd;
  ++*(long *)data;
  sum_seen += events;
}

static void dispatch(long calls) {
  for (long i = 0; i < calls; i++) loop->wait();
}

static void register_pair(long calls) {
  for (long i = 0; i < calls; i++) {
    handlers[spare] = (struct handler){on_ready, &events_seen};
    loop->add(spare);
    loop->remove(spare);
    handlers[spare] = (struct handler){0};
  }
}

struct usage {
  double cpu, user, system; // nanoseconds
};

// The thread's CPU clock is exact; its split comes from timer ticks and is an estimate.
static struct usage usage_now(void) {
  struct timespec time;
  struct rusage used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  getrusage(RUSAGE_THREAD, &used);
  return (struct usage){time.tv_sec * 1e9 + time.tv_nsec,
                        used.ru_utime.tv_sec * 1e9 + used.ru_utime.tv_usec * 1e3,
                        used.ru_stime.tv_sec * 1e9 + used.ru_stime.tv_usec * 1e3};
}

// Doubles the number of calls until half the time is used, which warms up, and then measures.
static void measure(const char *name, void (*run)(long), double window_ns, const char *end) {
  long calls = 1;
  double used;
  for (;; calls *= 2) {
    double from = usage_now().cpu;
    run(calls);
    used = usage_now().cpu - from;
    if (used >= window_ns / 2) break;
  }
  calls = calls * window_ns / used + 1;
  struct usage before = usage_now();
  run(calls);
  struct usage after = usage_now();
  printf("\"%s\": {\"calls\": %ld, \"cpu_ns\": %.0f, \"user_ns\": %.0f, \"system_ns\": %.0f}%s",
         name, calls, after.cpu - before.cpu, after.user - before.user,
         after.system - before.system, end);
}

static int open_eventfd(unsigned count) {
  int fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) die("eventfd");
  if (fd >= MAX_FD) die("too many descriptors");
  return fd;
}

static void run_case(int idle, int active, double window_ns) {
  int total = idle + active;
  for (int i = 0; i < total; i++) fds[i] = open_eventfd(i >= idle);
  spare = open_eventfd(0);
  if (loop->wait == select_wait && spare >= FD_SETSIZE) {
    printf("{\"na\": \"descriptor %d is not below FD_SETSIZE (%d)\"}\n", spare, FD_SETSIZE);
  } else {
    loop->open();
    for (int i = 0; i < total; i++) {
      handlers[fds[i]] = (struct handler){on_ready, &events_seen};
      loop->add(fds[i]);
    }
    events_seen = 0;
    if (loop->wait() != active || events_seen != active) die("wrong number of events");
    printf("{");
    measure("dispatch", dispatch, window_ns, ", ");
    measure("register", register_pair, window_ns, "}\n");
    for (int i = 0; i < total; i++) loop->remove(fds[i]);
    loop->close();
  }
  fflush(stdout);
  for (int i = 0; i < total; i++) close(fds[i]);
  close(spare);
}

static void *sleeper(void *nothing) {
  for (;;) pause();
  return nothing;
}

int main(int argc, char **argv) {
  const char *name = argv[argc - 1];
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
    if (strcmp(loops[i].name, name) == 0) loop = &loops[i];
  }
  if (!loop) {
    fprintf(stderr, "selector_costs: no loop in C for %s\n", name);
    return 2;
  }
  pthread_t thread;
  if (strcmp(argv[1], "-t") == 0 && pthread_create(&thread, NULL, sleeper, NULL) != 0) die("thread");
  char line[100];
  while (fgets(line, sizeof line, stdin)) {
    int idle, active;
    double ms;
    if (sscanf(line, "%d %d %lf", &idle, &active, &ms) != 3) return 2;
    if (idle < 0 || active < 0 || idle + active >= MAX_FD) return 2;
    run_case(idle, active, ms * 1e6);
  }
  return sum_seen < 0; // it is used, so that the compiler keeps it
}
