// Peers for the client, and the client as a shell starts it: with files and pipes as its streams.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Socket as Listening } from "../../lib/net/mod.ts";
import { cliCommand, root } from "../support/cli.ts";
import { sleep } from "../support/waiting.ts";

/** A server in this process. `await using` closes it with all its connections. */
export class Peer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The first connection. */
  readonly connection: Promise<Socket>;

  /** All that are open. */
  get connections(): Socket[] {
    return [...this.#sockets];
  }

  constructor(connected: (socket: Socket) => void) {
    const first = Promise.withResolvers<Socket>();
    this.connection = first.promise;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}); // the client may reset
      connected(socket);
      first.resolve(socket);
    });
  }

  /** Listens on a port of an address, a free one by itself, or on a path. */
  async listen(where: string, port: number): Promise<this> {
    if (where.startsWith("/")) this.#server.listen(where);
    else this.#server.listen(port, where);
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  /** HOST:PORT */
  get name(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A peer that does this with each connection. */
export const peer = (
  connected: (socket: Socket) => void,
  where = "127.0.0.1",
  port = 0,
): Promise<Peer> => new Peer(connected).listen(where, port);

/** A peer that sends back what it gets, and ends when the client does. */
export const echoPeer = (where?: string, port?: number): Promise<Peer> =>
  peer((socket) => void socket.pipe(socket), where, port);

/** A loopback port that takes no more connections: SYNs to it are dropped, as by a silent host. */
export class FullBacklog implements AsyncDisposable {
  readonly #host: string;
  readonly #listener: Listening;
  readonly port: number;
  readonly #waiting: Socket[] = [];

  constructor(host: string = "127.0.0.1", port: number = 0) {
    this.#host = host;
    this.#listener = Listening.listen({ host, port, backlog: 0 });
    this.port = this.#listener.port;
  }

  async fill(): Promise<this> {
    for (let i = 0; i < 4; i++) {
      const socket = connect(this.port, this.#host);
      socket.on("error", () => {});
      this.#waiting.push(socket);
    }
    await once(this.#waiting[0]!, "connect");
    return this;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#waiting) socket.destroy();
    this.#listener.close();
    await sleep(0);
  }
}

/** All that a connection brings, until its end. */
export async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

/** A shell line in which "$@" is `iomux client ARGS`. */
export class ShellClient implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  stderr = "";
  #ended = false;

  constructor(line: string, args: string[], env: Record<string, string>) {
    const [command, all] = cliCommand(["client", ...args]);
    this.child = spawn("sh", ["-c", line, "sh", command, ...all], {
      cwd: root,
      env: { ...process.env, ...env } as Record<string, string>,
      // Stdin stays open where the line does not say otherwise. Besides, with allowHalfOpen Deno's
      // node:net stops sending when a FIN arrives (2.9): peers with much to say must not get one.
      stdio: ["pipe", "ignore", "pipe"],
      detached: true, // a group of its own, so that all of a pipeline can be ended
    });
    this.child.stderr!.on("data", (chunk) => this.stderr += chunk);
    const guard = setTimeout(() => this.#end(), 40_000);
    this.exit = new Promise((resolve) =>
      this.child.on("close", (code) => {
        clearTimeout(guard);
        this.#ended = true;
        resolve(code);
      })
    );
  }

  #end(): void {
    if (this.#ended) return;
    try {
      process.kill(-this.child.pid!, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.exit;
  }
}

/** Starts a shell line in which "$@" is `iomux client ARGS`. */
export const shellClient = (
  line: string,
  args: string[],
  env: Record<string, string> = {},
): ShellClient => new ShellClient(line, args, env);
