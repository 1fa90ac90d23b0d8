# The select server of chapter 3, with Python's select module: python3 select_server.py [PORT]
import select
import socket
import sys

server = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9321))
server.setblocking(False)
readers, writers, queues = [server], [], {}


def remove(client):
    for sockets in (readers, writers):
        if client in sockets:
            sockets.remove(client)
    del queues[client]
    client.close()


while True:
    full = server not in readers
    readable, writable, exceptional = select.select(readers, writers, readers, 0.1 if full else None)
    for client in writable:
        if queues.get(client):
            message = queues[client].pop(0)
            try:
                sent = client.send(message.upper())
            except OSError:
                remove(client)
                continue
            if sent < len(message):
                queues[client].insert(0, message[sent:])
        elif client in writers:
            writers.remove(client)
    for client in readable:
        if client is server:
            try:
                connection, _ = server.accept()
            except OSError:  # EMFILE: the next client waits for a while
                readers.remove(server)
                continue
            connection.setblocking(False)
            readers.append(connection)
            queues[connection] = []
        elif client in queues:
            try:
                data = client.recv(1024)
            except OSError:
                data = b""
            if data:
                queues[client].append(data)
                if client not in writers:
                    writers.append(client)
            else:
                remove(client)
    for client in exceptional:
        if client in queues:
            remove(client)
    if full:
        readers.append(server)
