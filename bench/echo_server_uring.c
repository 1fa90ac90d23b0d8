// An echo server on io_uring, without a library: multishot accept, multishot receive into a ring of
// provided buffers, each echoed from where it lies; sends go along with the next wait. Linux 6.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUESTS = 4096, BUFFERS = 1024, BUFFER_SIZE = 16384, BACKLOG = 4096 };
enum { ACCEPT, RECEIVE, SEND }; // in the low bits of user_data; the descriptor, and the buffer, above

static int ring;
static unsigned *sq_tail, *sq_head, sq_mask, *cq_head, *cq_tail, cq_mask, tail, submitted;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static struct io_uring_buf_ring *buffers;
static char *memory;
static unsigned short buffers_tail;

static void die(const char *what) {
  fprintf(stderr, "echo_server_uring: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void enter(unsigned least) {
  __atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
  int done = syscall(SYS_io_uring_enter, ring, tail - submitted, least, IORING_ENTER_GETEVENTS, NULL, 0);
  if (done < 0 && errno != EINTR) die("io_uring_enter");
  submitted = __atomic_load_n(sq_head, __ATOMIC_ACQUIRE);
}

static struct io_uring_sqe *request(int opcode, int fd, unsigned long long data) {
  if (tail - submitted > sq_mask) enter(0);
  struct io_uring_sqe *sqe = &sqes[tail++ & sq_mask];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = opcode;
  sqe->fd = fd;
  sqe->user_data = data;
  return sqe;
}

static void accept_all(int fd) {
  struct io_uring_sqe *sqe = request(IORING_OP_ACCEPT, fd, ACCEPT);
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  sqe->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
}

static void receive(int fd) {
  struct io_uring_sqe *sqe = request(IORING_OP_RECV, fd, (unsigned long long)fd << 32 | RECEIVE);
  sqe->ioprio = IORING_RECV_MULTISHOT;
  sqe->flags = IOSQE_BUFFER_SELECT;
}

static void give_back(unsigned id) {
  struct io_uring_buf *buffer = &buffers->bufs[buffers_tail++ & (BUFFERS - 1)];
  buffer->addr = (unsigned long)(memory + (size_t)id * BUFFER_SIZE);
  buffer->len = BUFFER_SIZE;
  buffer->bid = id;
}

static void received(int fd, int result, unsigned flags) {
  if (result > 0) {
    unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    struct io_uring_sqe *sqe = request(IORING_OP_SEND, fd, (unsigned long long)id << 32 | SEND);
    sqe->addr = (unsigned long)(memory + (size_t)id * BUFFER_SIZE);
    sqe->len = result;
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
  }
  if (flags & IORING_CQE_F_MORE) return;
  if (result > 0 || result == -ENOBUFS) receive(fd);
  else close(fd);
}

static void set_up(void) {
  struct io_uring_params p = {
      .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
      .cq_entries = 4 * REQUESTS};
  ring = syscall(SYS_io_uring_setup, REQUESTS, &p);
  if (ring < 0) die("io_uring_setup");
  size_t size = p.sq_off.array + p.sq_entries * 4;
  if (p.cq_off.cqes + p.cq_entries * sizeof *cqes > size) size = p.cq_off.cqes + p.cq_entries * sizeof *cqes;
  char *words = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  sqes = mmap(0, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  size_t entries = BUFFERS * sizeof(struct io_uring_buf);
  char *pages = mmap(0, entries + (size_t)BUFFERS * BUFFER_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (words == MAP_FAILED || sqes == MAP_FAILED || pages == MAP_FAILED) die("mmap");
  sq_head = (unsigned *)(words + p.sq_off.head), sq_tail = (unsigned *)(words + p.sq_off.tail);
  cq_head = (unsigned *)(words + p.cq_off.head), cq_tail = (unsigned *)(words + p.cq_off.tail);
  sq_mask = p.sq_entries - 1, cq_mask = p.cq_entries - 1;
  cqes = (struct io_uring_cqe *)(words + p.cq_off.cqes);
  for (unsigned i = 0; i < p.sq_entries; i++) ((unsigned *)(words + p.sq_off.array))[i] = i;
  buffers = (struct io_uring_buf_ring *)pages;
  memory = pages + entries;
  struct io_uring_buf_reg registration = {.ring_addr = (unsigned long)pages, .ring_entries = BUFFERS};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0)
    die("io_uring_register");
  for (unsigned id = 0; id < BUFFERS; id++) give_back(id);
}

static int listen_on(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); // accepted sockets inherit it
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, length) < 0) die("bind");
  if (listen(fd, BACKLOG) < 0) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) die("getsockname");
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  set_up();
  int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
  accept_all(listener);
  for (;;) {
    __atomic_store_n(&buffers->tail, buffers_tail, __ATOMIC_RELEASE);
    enter(1);
    unsigned head = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
    for (; head != end; head++) {
      struct io_uring_cqe *c = &cqes[head & cq_mask];
      int kind = c->user_data & 3, high = c->user_data >> 32;
      if (kind == SEND) give_back(high); // the peer's end follows a send that has failed
      else if (kind == RECEIVE) received(high, c->res, c->flags);
      else {
        if (c->res >= 0) receive(c->res);
        if (!(c->flags & IORING_CQE_F_MORE)) accept_all(listener);
      }
    }
    __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
  }
}
