// The load client: each of N connections has one message in flight, reads the whole reply, checks
// it, and sends the next. With -n several are in flight; with -u replies are in upper case; with -k
// each message has a connection of its own, which is closed after the reply. Prints one line of JSON about the measured window.
// With -p it adds the CPU time that process used meanwhile, and its user time, from a second window
// half as long: sampling that costs a little, which must not show in the first.
// As `idle` it opens N connections, exchanges one message on each (so that the server has really
// taken it), prints `ready N`, and keeps them until its stdin ends or the time is over.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "support/histogram.h"
#include "support/process_cpu.h"
#include "support/user_sampler.h"

enum { MAX_EVENTS = 512, BUFFER_SIZE = 65536, STALL_SECONDS = 5 };

static const char usage[] =
    "usage: load_client [-w WARMUP_S] [-p SERVER_PID] [-n IN_FLIGHT] [-u] [-k] HOST:PORT CONNECTIONS SIZE SECONDS\n"
    "       load_client idle HOST:PORT CONNECTIONS SECONDS\n";

struct connection {
  int fd, number;
  unsigned events;
  size_t due, sent, received; // bytes since the connection began
  long long started;
  char *payload; // differs between connections, so that a reply to another one is noticed
};

static int poller;
static size_t size = 64, in_flight = 1, period = 64; // bytes of one message, and of all in flight
static int upper, churn;
static struct sockaddr_in target;
static char buffer[BUFFER_SIZE];
static struct histogram latency;
static long long last_reply; // the time of the latest complete reply on any connection

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load_client: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static struct sockaddr_in parse_address(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  const char *colon = strrchr(text, ':');
  char host[64];
  if (!colon || colon - text >= (long)sizeof host) fail("not HOST:PORT: %s", text);
  memcpy(host, text, colon - text);
  host[colon - text] = 0;
  address.sin_port = htons(atoi(colon + 1));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("not an IPv4 address: %s", host);
  return address;
}

static void open_connection(struct connection *c, const struct sockaddr_in *to, int number) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket %d: %s", number, strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct timeval limit = {.tv_sec = STALL_SECONDS};
  setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); // connect's limit as well
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0)
    fail("connect %d: %s", number, strerror(errno));
}

static void ask_for(struct connection *c, unsigned events) {
  if (c->events == events) return;
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) < 0)
    fail("epoll_ctl: %s", strerror(errno));
  c->events = events;
}

static void send_rest(struct connection *c) {
  while (c->sent < c->due) {
    size_t at = c->sent % period, most = period - at, left = c->due - c->sent;
    ssize_t n = send(c->fd, c->payload + at, left < most ? left : most, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) fail("send: %s", strerror(errno));
    if (n > 0) c->sent += n;
    if (n < (ssize_t)(left < most ? left : most)) break;
  }
  ask_for(c, c->sent < c->due ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void start_messages(struct connection *c, size_t count, long long now) {
  c->due += count * size;
  c->started = now;
  send_rest(c);
}

static void connect_anew(struct connection *c);

static void compare(const struct connection *c, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t at = (c->received + i) % period, n = period - at;
    if (n > length - i) n = length - i;
    for (size_t k = 0; upper && k < n; k++)
      if (buffer[i + k] != toupper(c->payload[at + k])) fail("the reply is not in upper case");
    if (!upper && memcmp(buffer + i, c->payload + at, n) != 0) fail("the reply is not the message");
    i += n;
  }
}

static void receive(struct connection *c) {
  size_t missing = c->due - c->received, before = c->received / size;
  ssize_t n = recv(c->fd, buffer, missing < sizeof buffer ? missing : sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) fail("recv: %s", strerror(errno));
  if (n == 0) fail("the server closed a connection");
  compare(c, n);
  c->received += n;
  size_t done = c->received / size - before;
  if (done == 0) return;
  last_reply = now_ns();
  for (size_t i = 0; i < done; i++) histogram_record(&latency, last_reply - c->started);
  if (churn) connect_anew(c);
  else start_messages(c, done, last_reply);
}

static void run_until(long long end) {
  struct epoll_event events[MAX_EVENTS];
  for (long long now = now_ns(); now < end; now = now_ns()) {
    if (now - last_reply > STALL_SECONDS * 1000000000LL) fail("no reply for %d s", STALL_SECONDS);
    int ready = epoll_wait(poller, events, MAX_EVENTS, 100);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) send_rest(c);
      if (events[i].events & ~EPOLLOUT) receive(c);
    }
  }
}

static long long own_cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void print_latency(double seconds) {
  printf("{\"messages\":%lld,\"seconds\":%.6f,\"rate\":%.1f", latency.count, seconds,
         latency.count / seconds);
  printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p99_9_us\":%.1f,\"max_us\":%.1f",
         histogram_percentile(&latency, 0.5) / 1e3, histogram_percentile(&latency, 0.9) / 1e3,
         histogram_percentile(&latency, 0.99) / 1e3, histogram_percentile(&latency, 0.999) / 1e3,
         latency.max / 1e3);
}

// Where sampling is not allowed, the user time of the first window, from the kernel's ticks.
static void print_server(int pid, double seconds, const struct process_cpu *from,
                         const struct process_cpu *until) {
  static struct user_sampler sampler;
  long long messages = latency.count, user_ns = until->user_ns - from->user_ns;
  int sampled = user_sampler_start(&sampler, pid) == 0;
  if (sampled) {
    run_until(now_ns() + seconds / 2 * 1e9);
    user_ns = user_sampler_stop(&sampler);
    messages = latency.count - messages;
  }
  printf(",\"server\":{\"cpu_ns\":%lld", until->total_ns - from->total_ns);
  printf(",\"user_ns\":%lld,\"user_messages\":%lld,\"user_sampled\":%s}", user_ns, messages,
         sampled ? "true" : "false");
}

static void begin(struct connection *c) {
  open_connection(c, &target, c->number);
  if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl: %s", strerror(errno));
}

static void connect_anew(struct connection *c) {
  close(c->fd);
  c->due = c->sent = c->received = c->events = 0;
  begin(c);
  start_messages(c, 1, now_ns());
}

static void load(int count, double warmup, double seconds, int pid) {
  struct connection *all = calloc(count, sizeof *all);
  char *payloads = malloc(count * period);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!all || !payloads || poller < 0) fail("set-up: %s", strerror(errno));
  unsigned long long random = 88172645463325252ULL;
  for (size_t i = 0; i < count * period; i++) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    payloads[i] = upper ? 'a' + random % 26 : random;
  }
  for (int i = 0; i < count; i++) {
    all[i].payload = payloads + i * period;
    all[i].number = i;
    begin(&all[i]);
  }
  last_reply = now_ns();
  for (int i = 0; i < count; i++) start_messages(&all[i], in_flight, now_ns());

  struct process_cpu from = {0}, until = {0};
  run_until(now_ns() + warmup * 1e9);
  memset(&latency, 0, sizeof latency);
  if (pid && process_cpu_read(pid, &from) < 0) fail("no CPU time of process %d", pid);
  long long start = now_ns(), own = own_cpu_ns();
  run_until(start + seconds * 1e9);
  long long end = now_ns();
  own = own_cpu_ns() - own;
  if (pid && process_cpu_read(pid, &until) < 0) fail("no CPU time of process %d", pid);
  print_latency((end - start) / 1e9);
  printf(",\"client_cpu_ns\":%lld", own);
  if (pid) print_server(pid, seconds, &from, &until);
  puts("}");
}

static void idle(const struct sockaddr_in *to, int count, double seconds) {
  char message[64] = "one message, so that the server has taken this connection";
  for (int i = 0; i < count; i++) {
    struct connection c = {0};
    open_connection(&c, to, i); // never closed: the descriptors last as long as the process
    if (send(c.fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message ||
        recv(c.fd, buffer, sizeof message, MSG_WAITALL) != sizeof message)
      fail("connection %d got no reply: %s", i, strerror(errno));
  }
  printf("ready %d\n", count);
  fflush(stdout);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  poll(&input, 1, seconds * 1000);
}

int main(int argc, char **argv) {
  double warmup = 0;
  int pid = 0;
  if (argc == 5 && strcmp(argv[1], "idle") == 0) {
    struct sockaddr_in to = parse_address(argv[2]);
    idle(&to, atoi(argv[3]), atof(argv[4]));
    return 0;
  }
  for (int option; (option = getopt(argc, argv, "w:p:n:uk")) != -1;) {
    if (option == 'w') warmup = atof(optarg);
    else if (option == 'p') pid = atoi(optarg);
    else if (option == 'n') in_flight = atoi(optarg);
    else if (option == 'u') upper = 1;
    else if (option == 'k') churn = 1;
    else return fputs(usage, stderr), 2;
  }
  if (argc - optind != 4) return fputs(usage, stderr), 2;
  target = parse_address(argv[optind]);
  int count = atoi(argv[optind + 1]);
  size = strtoul(argv[optind + 2], NULL, 10);
  period = size * in_flight;
  if (count < 1 || size < 1 || in_flight < 1) return fputs(usage, stderr), 2;
  load(count, warmup, atof(argv[optind + 3]), pid);
  return 0;
}
