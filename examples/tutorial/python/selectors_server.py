# The server of chapter 5, with Python's selectors module: python3 selectors_server.py [PORT]
import selectors
import socket
import sys

selector = selectors.DefaultSelector()


def accept(server):
    try:
        client, _ = server.accept()
    except OSError:  # EMFILE: the next client waits for a while
        selector.unregister(server)
        return
    client.setblocking(False)
    selector.register(client, selectors.EVENT_READ, echo)


def echo(client):
    try:
        data = client.recv(65536)
        client.send(data)  # as in chapter 5: a slow reader loses bytes
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        selector.unregister(client)
        client.close()


port = int(sys.argv[1]) if len(sys.argv) > 1 else 9322
server = socket.create_server(("127.0.0.1", port), backlog=10000)
server.setblocking(False)
selector.register(server, selectors.EVENT_READ, accept)
while True:
    full = server not in selector.get_map()
    for key, events in selector.select(0.1 if full else None):
        key.data(key.fileobj)
    if full:
        selector.register(server, selectors.EVENT_READ, accept)
