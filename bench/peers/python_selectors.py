"""An echo server on Python's selectors, the callback carried as data: python_selectors.py [PORT]"""

import selectors
import socket
import sys

selector = selectors.DefaultSelector()
buffer = bytearray(65536)
view = memoryview(buffer)


def accept(listener, _mask):
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, echo)


def drop(connection):
    selector.unregister(connection)
    connection.close()


def echo(connection, _mask):
    try:
        got = connection.recv_into(buffer)
        if got == 0:
            return drop(connection)
        sent = connection.send(view[:got])
    except BlockingIOError:
        sent = 0
    except OSError:
        return drop(connection)
    if sent < got:
        flush_later(connection, bytes(view[sent:got]))


def flush_later(connection, queue):
    """Stops reading until the kernel has taken the rest."""
    queue = memoryview(queue)

    def flush(connection, _mask):
        nonlocal queue
        try:
            queue = queue[connection.send(queue) :]
        except BlockingIOError:
            return
        except OSError:
            return drop(connection)
        if not queue:
            selector.modify(connection, selectors.EVENT_READ, echo)

    selector.modify(connection, selectors.EVENT_WRITE, flush)


listener = socket.create_server(
    ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), backlog=4096
)
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ, accept)
print("listening on %s:%d" % listener.getsockname(), flush=True)
while True:
    for key, mask in selector.select():
        key.data(key.fileobj, mask)
