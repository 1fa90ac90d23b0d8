// The baseline: a level-triggered epoll echo server, as plain as it can be without being unfair.
// One recv and one send for a message; output is queued, and EPOLLOUT asked for, only when the
// kernel takes less than all of it. While a connection has queued output it is not read.
// echo_server [PORT [upper]]: with `upper` it answers in upper case, by a loop that vectorises.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, BUFFER_SIZE = 65536, BACKLOG = 4096 };

struct connection {
  int fd;
  char *queue; // unsent output, NULL when there is none
  size_t offset, length;
};

static int poller, upper;
static char buffer[BUFFER_SIZE];

static void die(const char *what) {
  fprintf(stderr, "echo_server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void watch(int operation, struct connection *c, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, operation, c->fd, &event) < 0) die("epoll_ctl");
}

static void drop(struct connection *c) {
  close(c->fd); // leaves the epoll set too: there is no duplicate of the descriptor
  free(c->queue);
  free(c);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept4");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct connection *c = calloc(1, sizeof *c);
    if (!c) die("calloc");
    c->fd = fd;
    watch(EPOLL_CTL_ADD, c, EPOLLIN);
  }
}

__attribute__((optimize("O3"))) static void to_upper(unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    bytes[i] -= (unsigned char)(bytes[i] - 'a') < 26 ? 32 : 0;
}

static void echo(struct connection *c) {
  ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(c);
  if (upper) to_upper((unsigned char *)buffer, got);
  ssize_t sent = send(c->fd, buffer, got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return drop(c);
  if (sent < 0) sent = 0;
  c->offset = 0;
  c->length = got - sent;
  c->queue = malloc(c->length);
  if (!c->queue) die("malloc");
  memcpy(c->queue, buffer + sent, c->length);
  watch(EPOLL_CTL_MOD, c, EPOLLOUT);
}

static void flush(struct connection *c) {
  ssize_t sent = send(c->fd, c->queue + c->offset, c->length - c->offset, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return drop(c);
  c->offset += sent;
  if (c->offset < c->length) return;
  free(c->queue);
  c->queue = NULL;
  watch(EPOLL_CTL_MOD, c, EPOLLIN);
}

static int listen_on(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
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

// SIGTERM keeps its default action: the server ends at once.
int main(int argc, char **argv) {
  struct connection listener = {.fd = listen_on(argc > 1 ? atoi(argv[1]) : 0)};
  upper = argc > 2;
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
  watch(EPOLL_CTL_ADD, &listener, EPOLLIN);
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &listener) accept_all(listener.fd);
      else if (c->queue) flush(c);
      else echo(c);
    }
  }
}
