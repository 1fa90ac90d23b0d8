// A readiness loop on io_uring, by its system calls alone: a poll request for each descriptor, which
// answers once and is made again with the next wait (that is what makes it level-triggered). One
// system call sends the requests of a wait and lets their answers arrive.
#pragma once
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "loops.h"

enum { URING_REQUESTS = 256, URING_ANSWERS = 1 << 15 };

// A request is known by its descriptor and the registration's generation; answers to older ones
// are dropped.
static uint32_t generations[MAX_FD];
static char armed[MAX_FD];
static struct { int fd; uint32_t generation; int result; } answers[URING_ANSWERS + MAX_FD];
static int answered;

static int ring;
static void *ring_memory;
static size_t ring_size;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *completions;
static uint32_t *sq_tail, *cq_head, *cq_tail, sq_mask, cq_mask, queued;

static const uint64_t REMOVAL = ~0ull;

static void uring_open(void) {
  struct io_uring_params p = {.flags = IORING_SETUP_CQSIZE, .cq_entries = URING_ANSWERS};
  ring = syscall(SYS_io_uring_setup, URING_REQUESTS, &p);
  if (ring < 0) die("io_uring_setup");
  if (!(p.features & IORING_FEAT_SINGLE_MMAP)) die("io_uring without IORING_FEAT_SINGLE_MMAP");
  size_t sq = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
  size_t cq = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  ring_size = sq > cq ? sq : cq;
  const int shared = MAP_SHARED | MAP_POPULATE, writable = PROT_READ | PROT_WRITE;
  char *base = mmap(NULL, ring_size, writable, shared, ring, IORING_OFF_SQ_RING);
  size_t request_bytes = p.sq_entries * sizeof *requests;
  requests = mmap(NULL, request_bytes, writable, shared, ring, IORING_OFF_SQES);
  if (base == MAP_FAILED || (void *)requests == MAP_FAILED) die("mmap");
  ring_memory = base;
  sq_tail = (uint32_t *)(base + p.sq_off.tail);
  sq_mask = *(uint32_t *)(base + p.sq_off.ring_mask);
  cq_head = (uint32_t *)(base + p.cq_off.head);
  cq_tail = (uint32_t *)(base + p.cq_off.tail);
  cq_mask = *(uint32_t *)(base + p.cq_off.ring_mask);
  completions = (struct io_uring_cqe *)(base + p.cq_off.cqes);
  uint32_t *order = (uint32_t *)(base + p.sq_off.array);
  for (uint32_t i = 0; i < p.sq_entries; i++) order[i] = i;
  queued = 0;
  answered = 0;
}

// Sends what is queued; the kernel takes it before it returns.
static void uring_enter(unsigned flags) {
  while (syscall(SYS_io_uring_enter, ring, queued, 0, flags, NULL, 0) < 0) {
    if (errno != EINTR) die("io_uring_enter");
  }
  queued = 0;
}

static void uring_request(struct io_uring_sqe request) {
  if (queued == URING_REQUESTS) uring_enter(0);
  uint32_t tail = *sq_tail; // only this thread writes it
  requests[tail & sq_mask] = request;
  __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
  queued++;
}

static uint64_t name_of(int fd) { return (uint64_t)generations[fd] << 32 | (uint32_t)fd; }

static void uring_arm(int fd) {
  armed[fd] = 1;
  uring_request((struct io_uring_sqe){.opcode = IORING_OP_POLL_ADD, .fd = fd,
                                      .poll32_events = POLLIN, .user_data = name_of(fd)});
}

static void uring_add(int fd) {
  generations[fd]++;
  uring_arm(fd);
  uring_enter(0); // at once, as epoll_ctl: whether the kernel refuses has to be known
}

// Takes the answers out of the ring, so that it has room; they are delivered by the next wait.
static void uring_collect(void) {
  uint32_t head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
  for (; head != tail; head++) {
    const struct io_uring_cqe *c = &completions[head & cq_mask];
    int fd = (uint32_t)c->user_data;
    uint32_t generation = c->user_data >> 32;
    if (c->user_data == REMOVAL || generations[fd] != generation) continue;
    answers[answered].fd = fd;
    answers[answered].generation = generation;
    answers[answered++].result = c->res;
  }
  __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
}

static void uring_remove(int fd) {
  if (armed[fd]) {
    uring_request((struct io_uring_sqe){.opcode = IORING_OP_POLL_REMOVE, .fd = -1,
                                        .addr = name_of(fd), .user_data = REMOVAL});
    uring_enter(0);
  }
  armed[fd] = 0;
  generations[fd]++;
  uring_collect();
}

static int uring_wait(void) {
  uring_enter(IORING_ENTER_GETEVENTS);
  uring_collect();
  int called = 0;
  for (int i = 0; i < answered; i++) {
    int fd = answers[i].fd, bits = answers[i].result;
    if (generations[fd] != answers[i].generation) continue; // removed since
    if (bits < 0) continue;
    deliver(fd, (bits & ~POLLOUT ? CAN_READ : 0) | (bits & ~POLLIN ? CAN_WRITE : 0));
    called++;
    if (generations[fd] == answers[i].generation) uring_arm(fd);
  }
  answered = 0;
  return called;
}

static void uring_close(void) {
  munmap(ring_memory, ring_size);
  munmap(requests, URING_REQUESTS * sizeof *requests);
  close(ring);
}
