// Readiness loops in C: what a plain program does to wait with select, poll and epoll. A descriptor
// that is ready is looked up in a table and its callback called through a pointer.
#pragma once
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

enum { MAX_FD = 1 << 16, CAN_READ = 1, CAN_WRITE = 2 };

struct handler {
  void (*call)(void *data, int fd, unsigned events);
  void *data;
};

// A loop watches for reading. `wait` never blocks; it calls the handlers and returns how many.
struct loop {
  const char *name;
  void (*open)(void);
  void (*add)(int fd);
  void (*remove)(int fd);
  int (*wait)(void);
  void (*close)(void);
};

static struct handler handlers[MAX_FD]; // by descriptor

static void die(const char *what) {
  fprintf(stderr, "selector_costs: %s: %s\n", what, strerror(errno));
  exit(1);
}

static inline void deliver(int fd, unsigned events) {
  handlers[fd].call(handlers[fd].data, fd, events);
}

// select: the kernel overwrites the sets, so every wait copies them, and then looks for the bits.

static fd_set readers, writers;
static int highest;

static void select_open(void) {
  FD_ZERO(&readers);
  FD_ZERO(&writers);
  highest = -1;
}

static void select_add(int fd) {
  FD_SET(fd, &readers);
  if (fd > highest) highest = fd;
}

static void select_remove(int fd) {
  FD_CLR(fd, &readers);
  while (highest >= 0 && !FD_ISSET(highest, &readers) && !FD_ISSET(highest, &writers)) highest--;
}

static int select_wait(void) {
  union {
    fd_set set;
    unsigned long words[FD_SETSIZE / (8 * sizeof(long))];
  } readable = {readers}, writable = {writers};
  struct timeval none = {0};
  int ready = select(highest + 1, &readable.set, &writable.set, NULL, &none);
  if (ready < 0) die("select");
  int called = 0;
  for (int word = 0, left = ready; left > 0; word++) {
    unsigned long r = readable.words[word], w = writable.words[word];
    for (unsigned long rest = r | w; rest; rest &= rest - 1) {
      unsigned long bit = rest & -rest;
      int fd = word * 8 * (int)sizeof(long) + __builtin_ctzl(bit);
      deliver(fd, (r & bit ? CAN_READ : 0) | (w & bit ? CAN_WRITE : 0));
      left -= !!(r & bit) + !!(w & bit);
      called++;
    }
  }
  return called;
}

// poll: one list without gaps; the last entry moves into the place of one that goes.

static struct pollfd list[MAX_FD];
static int slots[MAX_FD], listed;

static void poll_open(void) { listed = 0; }

static void poll_add(int fd) {
  slots[fd] = listed;
  list[listed++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void poll_remove(int fd) {
  struct pollfd last = list[--listed];
  list[slots[fd]] = last;
  slots[last.fd] = slots[fd];
}

static int poll_wait(void) {
  int ready = poll(list, listed, 0);
  if (ready < 0) die("poll");
  for (int i = 0, left = ready; left > 0; i++) {
    unsigned bits = list[i].revents;
    if (bits == 0) continue;
    left--;
    deliver(list[i].fd, (bits & ~POLLOUT ? CAN_READ : 0) | (bits & ~POLLIN ? CAN_WRITE : 0));
  }
  return ready;
}

// epoll: the kernel keeps the set and tells only what is ready.

static int poller;
static struct epoll_event found[MAX_FD];

static void epoll_open(void) {
  if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
}

static void epoll_control(int operation, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(poller, operation, fd, &event) < 0) die("epoll_ctl");
}

static void epoll_add(int fd) { epoll_control(EPOLL_CTL_ADD, fd); }
static void epoll_remove(int fd) { epoll_control(EPOLL_CTL_DEL, fd); }

static int epoll_wait_once(void) {
  int ready = epoll_wait(poller, found, MAX_FD, 0);
  if (ready < 0) die("epoll_wait");
  for (int i = 0; i < ready; i++) {
    unsigned bits = found[i].events;
    deliver(found[i].data.fd,
            (bits & ~EPOLLOUT ? CAN_READ : 0) | (bits & ~EPOLLIN ? CAN_WRITE : 0));
  }
  return ready;
}

static void epoll_close(void) { close(poller); }
static void nothing(void) {}
