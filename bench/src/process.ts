/** Processes: running them to their end, keeping them, and what they have used so far. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Clock ticks per second of /proc, the same on every Linux that runs this. */
const ticksPerSecond = 100;

/** Whatever ends this program ends what it has started. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Runs a program and gives what it wrote; fails when it does, or when it takes longer than `seconds`. */
export async function run(
  command: string,
  args: string[],
  options: { seconds: number; env?: NodeJS.ProcessEnv; cwd?: string },
): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => output.push(data));
  child.stderr.on("data", (data: Buffer) => errors.push(data));
  const timer = setTimeout(() => child.kill("SIGKILL"), options.seconds * 1000);
  try {
    const [code, signal] = await once(child, "close");
    if (code === 0) return Buffer.concat(output).toString();
    const why = Buffer.concat([...errors, ...output])
      .toString()
      .slice(-4000);
    throw new Error(
      `${command} ${args.join(" ").slice(0, 200)} ended with ${code ?? signal}\n${why}`,
    );
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

/** A server that runs until it is stopped. */
export class Running {
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly name: string;
  private output = "";

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    this.pid = child.pid ?? 0;
    child.stdout?.on("data", (data) => this.hear(data));
    child.stderr?.on("data", (data) => this.hear(data));
  }

  /** Starts it, and waits until it says `ready` in its output. */
  static async start(
    name: string,
    command: string,
    args: string[],
    options: { env: NodeJS.ProcessEnv; cwd: string; ready: string },
  ): Promise<Running> {
    const child = spawn(command, args, {
      env: options.env,
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const started = new Running(name, child);
    const deadline = Date.now() + 60_000;
    while (!started.output.includes(options.ready)) {
      if (Date.now() > deadline || child.exitCode !== null) {
        child.kill("SIGKILL");
        throw new Error(`${name} does not start\n${started.output}`);
      }
      await pause(20);
    }
    return started;
  }

  /** The end of what it has written so far. */
  get said(): string {
    return this.output;
  }

  /** Asks it to end, and makes it end if it does not. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGINT");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    running.delete(this.child);
  }

  /** Fails, with what it said, if it has ended by itself. */
  check(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      throw new Error(`${this.name} has ended\n${this.output}`);
    }
  }

  private hear(data: Buffer): void {
    this.output = (this.output + data.toString()).slice(-20_000);
  }
}

/** The processor seconds, user and system, of a process and all that it has started, the ended ones included. */
export function cpuSeconds(pid: number): number {
  let members = tree(pid);
  for (;;) {
    const before = members;
    members = tree(pid);
    // One that ends while its parent has been read already is in neither's time: then it is missing in the second reading.
    const pids = new Set(members.map((member) => member.pid));
    if (before.every((member) => pids.has(member.pid))) break;
  }
  return members.reduce((sum, member) => sum + member.ticks, 0) / ticksPerSecond;
}

/** The resident memory of a process and all that it has started, in MiB; pages that several share count for each. */
export function residentMebibytes(pid: number): number {
  let kibibytes = 0;
  for (const member of tree(pid)) {
    const status = readOrNothing(`/proc/${member.pid}/status`);
    kibibytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  }
  return kibibytes / 1024;
}

interface Member {
  pid: number;
  parent: number;
  ticks: number;
}

function tree(root: number): Member[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const members = all.map(readMember).filter((member) => member !== null);
  const inside = new Set([root]);
  // Parents need not have smaller numbers than their children.
  for (let before = 0; before !== inside.size; ) {
    before = inside.size;
    for (const member of members) if (inside.has(member.parent)) inside.add(member.pid);
  }
  return members.filter((member) => inside.has(member.pid));
}

function readMember(name: string): Member | null {
  const stat = readOrNothing(`/proc/${name}/stat`);
  // The second field is the program's name, in brackets, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 15) return null;
  // utime, stime, and both of the children that were waited for.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid: Number(name), parent: Number(fields[1]), ticks };
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
