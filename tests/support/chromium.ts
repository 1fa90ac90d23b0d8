// Headless Chromium, by its DevTools protocol: a page, what it says on its console, and what it loads.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { TempDir } from "./files.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Nothing takes longer here; else it hangs. */
const PATIENCE_MS = 30_000;

const path = NAMES.find((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

/** Why there is no browser to test with; undefined where there is one. */
export const NO_CHROMIUM: string | undefined = path === undefined
  ? `no ${NAMES.join(", ")} on PATH (Debian's package: chromium)`
  : undefined;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, any>;
  readonly result?: Record<string, any>;
  readonly error?: { message: string };
}

/** How a page is shown. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
  /** A phone: touch, and the viewport of its meta element. */
  readonly mobile?: boolean;
}

/** A browser with one page. `await using` ends it. */
export class Chromium implements AsyncDisposable {
  /** What went wrong on the page: exceptions, and what its console shows as an error or a warning. */
  readonly complaints: string[] = [];
  /** Addresses that were asked for. */
  readonly requests: string[] = [];
  readonly #process: ChildProcess;
  readonly #folder: TempDir;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #session: string | undefined;
  #last = 0;
  #loaded: () => void = () => {};

  private constructor(process: ChildProcess, folder: TempDir, socket: WebSocket) {
    this.#process = process;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(String(data))));
  }

  static async start(): Promise<Chromium> {
    const folder = new TempDir();
    const child = spawn(path!, [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      ...["--no-first-run", "--disable-extensions", "--disable-background-networking"],
      ...["--hide-scrollbars", "--remote-debugging-port=0", `--user-data-dir=${folder.path}`],
      "about:blank",
    ], { stdio: ["ignore", "ignore", "pipe"] });
    try {
      const socket = new WebSocket(await listening(child));
      await within(
        new Promise((resolve, reject) => {
          socket.addEventListener("open", resolve);
          socket.addEventListener("error", () => reject(new Error("no connection to Chromium")));
        }),
        "connecting to Chromium",
      );
      const browser = new Chromium(child, folder, socket);
      const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await browser.send("Target.attachToTarget", {
        targetId,
        flatten: true,
      });
      browser.#session = sessionId;
      for (const domain of ["Page", "Runtime", "Log", "Network"]) {
        await browser.send(`${domain}.enable`);
      }
      return browser;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Sends a command of the protocol. */
  async send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, any>> {
    const id = ++this.#last;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { result, error } = await within(answer, method);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result!;
  }

  /** Shows a page from its begin; resolves when it is loaded and drawn. */
  async open(url: string, view: View): Promise<void> {
    const { width, height, dark = false, mobile = false } = view;
    const size = { width, height, mobile, deviceScaleFactor: 1 };
    await this.send("Emulation.setDeviceMetricsOverride", size);
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
    this.complaints.length = this.requests.length = 0;
    const loaded = new Promise<void>((resolve) => this.#loaded = resolve);
    await this.send("Page.navigate", { url });
    await within(loaded, "loading");
    await this.evaluate(
      "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))",
    );
  }

  /** The value of an expression on the page, which must be plain data, or a promise of it. */
  async evaluate(expression: string): Promise<any> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Writes a picture of the whole page. */
  async screenshot(file: string): Promise<void> {
    const options = { format: "png", captureBeyondViewport: true };
    const { data } = await this.send("Page.captureScreenshot", options);
    writeFileSync(file, Buffer.from(data, "base64"));
  }

  #receive({ id, method, params, ...rest }: Message): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.({ id, ...rest });
      this.#waiting.delete(id);
    } else if (method === "Page.loadEventFired") this.#loaded();
    else if (method === "Network.requestWillBeSent") this.requests.push(params!.request.url);
    else if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params!.exceptionDetails;
      this.complaints.push(exception?.description ?? text);
    } else if (method === "Log.entryAdded") this.#complain(params!.entry.level, params!.entry.text);
    else if (method === "Runtime.consoleAPICalled") {
      this.#complain(
        params!.type,
        params!.args.map((a: any) => a.value ?? a.description).join(" "),
      );
    }
  }

  #complain(level: string, text: string): void {
    if (/^(error|warning|assert)$/.test(level)) this.complaints.push(`${level}: ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGKILL");
      await ended;
    }
    this.#socket.close();
    this.#folder[Symbol.dispose]();
  }
}

/** The address on which the protocol is spoken. */
function listening(child: ChildProcess): Promise<string> {
  let said = "";
  return within(
    new Promise<string>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${said}`)));
      child.stderr!.on("data", (chunk) => {
        said += chunk;
        const [, url] = /^DevTools listening on (ws:.*)$/m.exec(said) ?? [];
        if (url) resolve(url);
      });
    }),
    "starting Chromium",
  );
}

function within<R>(promise: Promise<R>, what: string): Promise<R> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took too long`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
