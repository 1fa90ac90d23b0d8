// Servers that we did not write, in small: their replies are verified however they come, without a false
// alarm; and what is no reply is found.
import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { TempDir } from "../../support/files.ts";
import { allAccountedFor, stress, target } from "../../support/misbehaving.ts";
import { byteServer, lineServer } from "../../support/pieces.ts";

/** Three connections, each of which gets its replies in pieces of another kind. */
async function verifies(name: string, args: string[], messages = 60): Promise<void> {
  const { code, result } = await stress([name, "-c", "3", "-n", `${messages}`, ...args]);
  expect([code, result.first_mismatch]).toEqual([0, null]);
  expect(result.messages).toMatchObject({ sent: messages, verified: messages, lost: 0 });
}

/** Answers `n` requests of each connection with their numbers; with the last it says that it closes, and does. */
const closingAfter = (n: number, how: "end" | "resetAndDestroy") =>
  target(({ socket }) => {
    let pending = "";
    let answered = 0;
    socket.on("data", (chunk: Buffer) => {
      const requests = (pending + chunk.toString("latin1")).split("\r\n\r\n");
      pending = requests.pop()!;
      for (const request of requests.slice(0, n - answered)) {
        const body = / \/(\d+) /.exec(request)![1]!;
        const last = ++answered === n;
        const fields = `Content-Length: ${body.length}${last ? "\r\nConnection: close" : ""}`;
        socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`);
        if (last && how === "end") socket.end();
      }
    });
    // Before that a reset could overtake the reply.
    socket.on("end", () => answered === n ? socket[how]() : socket.end());
  }, false);

describe("stress and a server that closes behind a reply, and says so", () => {
  const get = ["-m", "GET /{seq} HTTP/1.1\\r\\n\\r\\n"];
  const http = [...get, "--expect", "http"];
  const whole: [string, string[]][] = [
    ["a pipeline", ["-n", "60", "--pipeline", "4", ...http]],
    ["a script", ["-n", "60", "--pipeline", "4", ...get, "--expect", "/ 200 /", "--frame", "http"]],
    ["connections that are few messages long", [
      ...["-n", "60", "--pipeline", "4", "--messages-per-connection", "5", ...http],
    ]],
    ["a schedule", ["-n", "60", "--rate", "600", "--pipeline", "9", ...http]],
    ["a warm-up", ["-n", "60", "--warmup", "100ms", "--pipeline", "4", ...http]],
    ["a time", ["-d", "300ms", "--pipeline", "4", ...http]],
    ["connections at a rate", ["-d", "300ms", "--connect-rate", "90", "--pipeline", "4", ...http]],
  ];
  for (const how of ["end", "resetAndDestroy"] as const) {
    for (const [what, args] of whole) {
      it(`sends again what was behind that: ${what}, ${how}`, async () => {
        await using server = await closingAfter(3, how);
        const { code, result } = await stress([server.name, "-c", "3", ...args]);
        expect([code, result.errors, result.first_mismatch]).toEqual([0, {}, null]);
        const { sent } = result.messages;
        expect(result.messages).toMatchObject({ verified: sent, lost: 0 });
        if (args[0] === "-n") expect(sent).toBe(60);
        expect(result.connections).toMatchObject({ lost: 0, failed: 0 });
        expect(result.connections.reconnected).toBeGreaterThan(0);
        expect(result.latency_us.count).toBe(sent);
      });
    }
  }
});

describe("stress and a right server", () => {
  it("judged by an expression of the runtime's, on the whole line", async () => {
    // By hand-made rules the first alternative took the "a" of "ab".
    const echo = ["-c", "1", "-n", "5", "-m", "ab\\n", "--expect"];
    const { code, result } = await stress([...echo, "/a$|ab/"]);
    expect([code, result.messages.verified]).toEqual([0, 5]);
    expect((await stress([...echo, "/a$|^b/"])).code).toBe(6);
  });

  it("of redis' kind", async () => {
    await using redis = await lineServer((line) => line === "PING" ? "+PONG\r\n" : "-ERR\r\n");
    const ping = ["-m", "PING\\r\\n"];
    await Promise.all([
      verifies(redis.name, [...ping, "--expect", "+PONG\\r\\n"]),
      verifies(redis.name, [...ping, "--expect", "/^\\+[A-Z]+$/", "--pipeline", "7"]),
    ]);
  });

  it("of memcached's kind, with numbers in its messages and replies", async () => {
    await using memcached = await lineServer((line) => {
      if (line === "version") return "VERSION 1.6.0\r\n";
      const [, key] = /^get (.*)$/.exec(line)!;
      return `VALUE ${key} 0 2\r\nhi\r\nEND\r\n`;
    });
    const get = ["-m", "get k{conn}-{seq}\\r\\n"];
    const value = ["--expect", "VALUE k{conn}-{seq} 0 2\\r\\nhi\\r\\nEND\\r\\n"];
    await Promise.all([
      verifies(memcached.name, ["-m", "version\\r\\n", "--expect", "line"]),
      verifies(memcached.name, [...get, ...value, "--messages-per-connection", "6"]),
    ]);
  });

  it("of SMTP's kind, which speaks first", async () => {
    await using smtp = await lineServer((line) => {
      if (line === "QUIT") return "221 bye\r\n";
      return null;
    }, "220 mail.example ESMTP\r\n");
    const quit = ["-m", "QUIT\\r\\n", "--messages-per-connection", "1"];
    await Promise.all([
      verifies(smtp.name, [...quit, "--expect", "until:bye\\r\\n"], 30),
      verifies(smtp.name, ["-m", "NOOP", "--expect", "line"], 3), // the greeting alone
    ]);
  });

  it("of HTTP's kind, with keep-alive", async () => {
    await using http = await lineServer((line) =>
      line === "" ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" : ""
    );
    const get = ["-m", "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"];
    const ok = ["--expect", "http"];
    await Promise.all([
      verifies(http.name, [...get, "--expect", "/ 200 [^]*hello$/", "--frame", "http"]),
      verifies(http.name, [...get, ...ok]),
      verifies(http.name, [...get, ...ok, "--rate", "300"]),
    ]);
  });

  it("judged by expressions of a file's lines, each on the frame that --frame names", async () => {
    await using http = await lineServer((line) => {
      const [, path] = /^GET (\S+)/.exec(line) ?? [];
      if (path === undefined) return "";
      const status = path === "/404" ? "404 NF" : "200 OK";
      return `HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nEND\r\n`;
    });
    using folder = new TempDir();
    const file = folder.file("messages");
    writeFileSync(file, "GET /404\\r\\n\t/404 NF[^]*END/\nGET /a\\r\\n\t/ 200 OK[^]*END/\n");
    const from = ["--messages-from", file, "--escapes"];
    await Promise.all([
      verifies(http.name, [...from, "--expect", "/never/", "--frame", "http"]),
      verifies(http.name, [...from, "--expect", "http", "--frame", "http", "--pipeline", "3"]),
      verifies(http.name, [...from, "--frame", "until:END\\r\\n"]),
      verifies(http.name, [...from, "--frame", "bytes:43"]),
    ]);
  });

  it("that returns what it gets, in any pieces", async () => {
    await using echo = await byteServer((bytes) => bytes);
    await using upper = await byteServer((bytes) =>
      bytes.map((b) => b > 96 && b < 123 ? b - 32 : b)
    );
    await Promise.all([
      verifies(echo.name, ["-s", "100", "--pipeline", "5", "--messages-per-connection", "10"]),
      verifies(upper.name, ["-s", "33", "--expect", "upper", "--rate", "300"]),
      verifies(upper.name, ["-m", "Hi {seq}", "--expect", "upper", "--pipeline", "3"]),
      verifies(echo.name, ["-s", "10", "--expect", "bytes:10"]),
    ]);
  });
});

describe("stress and a server that says something else", () => {
  it("stops at its first wrong byte: corrupted, exit 6, without a wait", async () => {
    await using redis = await lineServer(() => "-ERR unknown command\r\n");
    const { code, result } = await stress([
      ...[redis.name, "-c", "3", "-n", "9", "-m", "PNIG\\r\\n", "--expect", "/\\+PONG/"],
    ]);
    expect(code).toBe(6);
    expect(result.messages).toMatchObject({ verified: 0, mismatched: 3, timed_out: 0 });
    expect(result.first_mismatch).toMatchObject({ offset: 0, kind: "corrupted" });
    expect(result.first_mismatch!.actual).toMatch(
      new RegExp("^" + Buffer.from("-").toString("hex")),
    );
    expect(allAccountedFor(result)).toBe(true);
  });

  it("stops at a head that can't be one of HTTP", async () => {
    await using server = await lineServer(() => "HTTP/1.1 200 OK\r\nContent-Length: x\r\n");
    const args = ["-c", "2", "-n", "2", "-m", "x\\n", "--expect", "http"];
    const { code, result } = await stress([server.name, ...args]);
    expect(code).toBe(6);
    expect(result.messages).toMatchObject({ mismatched: 2, timed_out: 0 });
    expect(result.first_mismatch).toMatchObject({ offset: 17, kind: "corrupted" });
  });

  it("waits for a reply that never becomes whole: exit 4", async () => {
    await using half = await lineServer(() => "no end of line");
    const args = ["-c", "2", "-n", "2", "-m", "x\\n", "--expect", "line", "--timeout", "300ms"];
    const { code, result } = await stress([half.name, ...args]);
    expect(code).toBe(4);
    expect(result.messages).toMatchObject({ verified: 0, timed_out: 2, mismatched: 0 });
  });

  it("that ends in the middle of a reply: truncated, exit 6", async () => {
    await using http = await lineServer((line) => line === "x" ? "HTTP/1.1 200 OK\r\n" : null);
    const expected = ["--expect", "http"];
    const { code, result } = await stress([
      http.name,
      "-c",
      "1",
      "-n",
      "1",
      "-m",
      "x\\ny\\n",
      ...expected,
    ]);
    expect(code).toBe(6);
    expect(result.first_mismatch).toEqual({
      ...{ connection: 0, offset: 17, kind: "truncated", expected: "", actual: "" },
    });
  });
});
