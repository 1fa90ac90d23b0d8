# The handoff of chapter 10, with Python's selectors and threads: python3 handoff_server.py [PORT]
import concurrent.futures
import queue
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
returned = queue.SimpleQueue()  # connections that come back from the workers
waker, wake = socket.socketpair()  # ends the wait when one does
pool = concurrent.futures.ThreadPoolExecutor(max_workers=4)


def greet(client):  # blocking code, in a worker
    client.setblocking(True)  # (2)
    try:
        with client.makefile("rb", buffering=0) as lines:  # not a byte more than the line
            name = lines.readline()  # (3)
        if name:
            client.sendall(b"hello " + name)
    except OSError:  # a reset concerns this client only
        name = b""
    client.setblocking(False)  # (4)
    if not name:
        client.close()
    returned.put(client if name else None)
    wake.send(b"!")


port = int(sys.argv[1]) if len(sys.argv) > 1 else 9323
server = socket.create_server(("127.0.0.1", port))
server.setblocking(False)
selector.register(server, selectors.EVENT_READ)
selector.register(waker, selectors.EVENT_READ)
while True:
    full = server not in selector.get_map()
    for key, events in selector.select(0.1 if full else None):
        if key.fileobj is server:
            try:
                client, _ = server.accept()
                selector.register(client, selectors.EVENT_READ)
            except OSError:  # EMFILE: the next client waits for a while
                selector.unregister(server)
        elif key.fileobj is waker:
            waker.recv(4096)
            while not returned.empty():
                client = returned.get()
                if client is not None:
                    selector.register(client, selectors.EVENT_READ)  # (5)
        else:
            selector.unregister(key.fileobj)  # (1)
            pool.submit(greet, key.fileobj)
    if full:
        selector.register(server, selectors.EVENT_READ)
