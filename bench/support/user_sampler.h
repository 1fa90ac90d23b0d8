// User-mode CPU time of another process, by sampling it every 200 us of its CPU time. The kernel's
// own user/system split comes from 4 ms timer ticks: ten or so in a window for a server that lives
// in the kernel, too few to compare servers by. Needs perf_event_open on a process of one's own.
#pragma once
#include <dirent.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SAMPLER_PERIOD_NS = 199999, SAMPLER_MAX_THREADS = 256 };

struct user_sampler {
  int threads;
  struct perf_event_mmap_page *rings[SAMPLER_MAX_THREADS];
};

// One event for each thread there is now. A record is a bare header, and the ring is mapped
// read-only: the kernel then overwrites it freely, and its head still counts every byte.
static int user_sampler_start(struct user_sampler *s, int pid) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE,
      .size = sizeof attributes,
      .config = PERF_COUNT_SW_CPU_CLOCK,
      .sample_period = SAMPLER_PERIOD_NS,
      .exclude_kernel = 1,
      .exclude_hv = 1,
  };
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) return -1;
  s->threads = 0;
  for (struct dirent *entry; (entry = readdir(tasks)) && s->threads < SAMPLER_MAX_THREADS;) {
    int thread = atoi(entry->d_name);
    if (thread == 0) continue;
    int fd = syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) continue; // the thread has just ended, or sampling is not allowed at all
    void *ring = mmap(NULL, 2 * sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);
    close(fd); // the mapping keeps the event
    if (ring != MAP_FAILED) s->rings[s->threads++] = ring;
  }
  closedir(tasks);
  return s->threads ? 0 : -1;
}

static long long user_sampler_stop(struct user_sampler *s) {
  long long samples = 0;
  for (int i = 0; i < s->threads; i++) {
    samples += s->rings[i]->data_head / sizeof(struct perf_event_header);
    munmap(s->rings[i], 2 * sysconf(_SC_PAGESIZE));
  }
  return samples * SAMPLER_PERIOD_NS;
}
