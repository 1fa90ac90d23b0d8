// The CPU time another process has used so far, read by the load client itself, so that the two
// ends of the measured window are the same moments for the messages and for the server's time.
#pragma once
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct process_cpu {
  long long total_ns;  // all threads, exact: the process's CPU clock
  long long user_ns;   // the kernel's estimate from timer ticks, in steps of 10 ms
};

static int process_cpu_read(int pid, struct process_cpu *out) {
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) < 0) return -1;
  out->total_ns = time.tv_sec * 1000000000LL + time.tv_nsec;

  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = 0;
  // The name, the second field, is in brackets and may hold anything: count from the last bracket.
  const char *rest = strrchr(line, ')');
  unsigned long user;
  const char *until_user = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu";
  if (!rest || sscanf(rest + 1, until_user, &user) != 1) return -1;
  out->user_ns = user * (1000000000LL / sysconf(_SC_CLK_TCK));
  return 0;
}
