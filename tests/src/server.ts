/** The real binary, started as a person would start it, on free ports and a fresh data folder. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const binary = resolve(process.env.BRAIN_BIN ?? "../target/debug/brainmessenger");

/** The first start makes a database. */
const startWithin = 60_000;
const stopWithin = 30_000;

/** What the tests share with the server, so that they can act as the administrator and sign tokens of their own. */
export const adminSecret = "tests-only-administrator-secret-0123456789";
export const jwtKey = "tests-only-signing-key-of-more-than-32-bytes";

/** Whatever ends this process ends its servers too, each in order, with its database. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGINT");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

export class Server {
  readonly address: string;
  private readonly root: string;
  private readonly port: number;
  private readonly settings: NodeJS.ProcessEnv;
  private child: ChildProcess | null = null;
  private output = "";

  private constructor(root: string, port: number, settings: NodeJS.ProcessEnv) {
    this.root = root;
    this.port = port;
    this.settings = settings;
    this.address = `http://127.0.0.1:${port}`;
  }

  /** Starts a server with a folder of its own, and waits until it has told its address. */
  static async start(settings: NodeJS.ProcessEnv = {}): Promise<Server> {
    const root = await mkdtemp(join(tmpdir(), "brain-tests-"));
    // Started by root, the database runs as another user, who must be able to enter.
    await chmod(root, 0o755);
    const server = new Server(root, await freePort(), settings);
    try {
      await server.startAgain();
    } catch (error) {
      server.child = null;
      await server.remove();
      throw error;
    }
    return server;
  }

  /** Starts on the same folder and the same address as before. */
  async startAgain(): Promise<void> {
    this.output = "";
    const child = spawn(binary, [], {
      // A .env of the developer is none of the tests' business.
      cwd: this.root,
      env: { ...this.environment(), BRAIN_METRICS_LISTEN: `127.0.0.1:${await freePort()}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    child.stderr?.on("data", (text) => {
      this.output += text;
    });
    await this.whenListening(child);
  }

  /** Runs a command of the binary on the same folder, and gives what it says. */
  async command(...args: string[]): Promise<string> {
    const options = { cwd: this.root, env: this.environment(), timeout: startWithin };
    const { stdout } = await promisify(execFile)(binary, args, options);
    return stdout;
  }

  private environment(): NodeJS.ProcessEnv {
    const { PATH, HOME, LANG, BRAIN_PG_BIN } = process.env;
    return {
      PATH,
      HOME,
      LANG,
      ...(BRAIN_PG_BIN === undefined ? {} : { BRAIN_PG_BIN }),
      BRAIN_DATA_DIR: join(this.root, "data"),
      BRAIN_LISTEN: `127.0.0.1:${this.port}`,
      NHOST_ADMIN_SECRET: adminSecret,
      NHOST_JWT_SECRET: JSON.stringify({ type: "HS256", key: jwtKey }),
      ...this.settings,
    };
  }

  /** Ctrl-C. The server must end in order and take its database with it. */
  async stop(): Promise<void> {
    const [code, signal] = await this.end("SIGINT");
    assert.equal(signal, null, `ended by a signal\n${this.output}`);
    assert.equal(code, 0, `ended with ${code}\n${this.output}`);
    assert.deepEqual(await this.leftProcesses(), [], "processes are left");
  }

  /** Stops, and throws the folder away. */
  async remove(): Promise<void> {
    try {
      if (this.child !== null) await this.stop();
    } finally {
      for (const { pid } of await this.leftProcesses()) process.kill(pid, "SIGKILL");
      await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** As a crash would do it: no warning, no clean-up. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  private async whenListening(child: ChildProcess): Promise<void> {
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const listening = new Promise<void>((resolve) => {
      lines.on("line", (line) => {
        this.output += `${line}\n`;
        if (line.includes(this.address)) resolve();
      });
    });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the server ended with ${code} before it was ready\n${this.output}`);
    });
    const late = failAfter(startWithin, () => `no address on stdout\n${this.output}`);
    try {
      await Promise.race([listening, ended, late.promise]);
      ended.catch(() => undefined);
    } finally {
      late.cancel();
    }
  }

  private async end(signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]> {
    const child = this.child;
    assert(child !== null, "the server does not run");
    this.child = null;
    if (child.exitCode !== null || child.signalCode !== null) {
      return [child.exitCode, child.signalCode];
    }
    const late = failAfter(stopWithin, () => `does not stop\n${this.output}`);
    try {
      const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
      child.kill(signal);
      return await Promise.race([exit, late.promise]);
    } finally {
      late.cancel();
    }
  }

  /** What still runs with this folder on its command line. */
  private async leftProcesses(): Promise<{ pid: number; command: string }[]> {
    const left = [];
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
      if (command.includes(this.root)) {
        left.push({ pid: Number(entry), command: command.replaceAll("\0", " ") });
      }
    }
    return left;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  assert(address !== null && typeof address === "object");
  return address.port;
}

function failAfter(milliseconds: number, why: () => string) {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why())), milliseconds);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}
