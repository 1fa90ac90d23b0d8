// The same echo server on libuv: uv_try_write first, so that the usual case allocates nothing; a
// queued uv_write, with reading stopped, only for what the kernel did not take.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BUFFER_SIZE = 65536, BACKLOG = 4096 };

struct pending {
  uv_write_t request;
  char bytes[];
};

static char buffer[BUFFER_SIZE];

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "echo_server_uv: %s: %s\n", what, uv_strerror(result));
  exit(1);
}

static void on_close(uv_handle_t *handle) { free(handle); }

static void drop(uv_stream_t *stream) {
  if (!uv_is_closing((uv_handle_t *)stream)) uv_close((uv_handle_t *)stream, on_close);
}

// One buffer serves all: libuv calls on_read before it asks for the next one.
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  (void)handle, (void)suggested;
  *out = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *in);

static void on_written(uv_write_t *request, int status) {
  uv_stream_t *stream = request->handle;
  free(request->data);
  if (status < 0) return drop(stream);
  check(uv_read_start(stream, on_alloc, on_read), "uv_read_start");
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *in) {
  if (got == 0) return; // nothing to read after all
  if (got < 0) return drop(stream);
  uv_buf_t out = uv_buf_init(in->base, got);
  int sent = uv_try_write(stream, &out, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) return drop(stream);
  if (sent < 0) sent = 0;
  struct pending *rest = malloc(sizeof *rest + (got - sent));
  check(rest ? 0 : UV_ENOMEM, "malloc");
  memcpy(rest->bytes, in->base + sent, got - sent);
  rest->request.data = rest;
  uv_buf_t queued = uv_buf_init(rest->bytes, got - sent);
  uv_read_stop(stream);
  check(uv_write(&rest->request, stream, &queued, 1, on_written), "uv_write");
}

static void on_connection(uv_stream_t *listener, int status) {
  check(status, "accept");
  uv_tcp_t *client = malloc(sizeof *client);
  check(client ? 0 : UV_ENOMEM, "malloc");
  check(uv_tcp_init(listener->loop, client), "uv_tcp_init");
  check(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
  uv_tcp_nodelay(client, 1);
  check(uv_read_start((uv_stream_t *)client, on_alloc, on_read), "uv_read_start");
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in address;
  int length = sizeof address;
  signal(SIGPIPE, SIG_IGN); // uv_try_write to a closed connection would raise it
  check(uv_tcp_init(loop, &listener), "uv_tcp_init");
  check(uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address), "uv_ip4_addr");
  check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
  check(uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection), "uv_listen");
  check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length), "uv_tcp_getsockname");
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
