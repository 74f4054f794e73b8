/** What large uploads took of the server's memory, and whether that is flat. */

import { median } from "../measure.js";
import { type Conditions, titled } from "../report.js";

export interface Upload {
  /** Until it was stored, and deleted again. */
  readonly seconds: number;
  /** The most resident memory of the server meanwhile, in MiB. */
  readonly highest: number;
}

export interface Soak {
  /** Of each file. */
  readonly bytes: number;
  /** MiB, when one small file had been taken. */
  readonly idle: number;
  readonly uploads: readonly Upload[];
}

/** So much may an upload take, in MiB: its buffers, and what the allocator keeps of them. */
const roomMebibytes = 64;

/** So much more may the last uploads take than the first, in MiB: until the allocator's pools have found their size. */
const driftMebibytes = 16;

/** Flat: no upload takes more than its buffers, whatever its size, and the last quarter takes what the first did. */
export function verdict(idle: number, uploads: readonly Upload[]) {
  const peaks = uploads.map(({ highest }) => highest);
  const quarter = Math.max(1, Math.floor(peaks.length / 4));
  const early = median(peaks.slice(0, quarter));
  const late = median(peaks.slice(-quarter));
  const most = Math.max(...peaks);
  return {
    first: peaks[0] ?? 0,
    middle: median(peaks),
    most,
    early,
    late,
    isFlat: late <= early + driftMebibytes && most <= idle + roomMebibytes,
  };
}

/** The text. */
export function soakReport(conditions: Conditions, { bytes, idle, uploads }: Soak): string {
  const found = verdict(idle, uploads);
  const size = `${(bytes / 1e6).toLocaleString("en")} MB`;
  const seconds = median(uploads.map((upload) => upload.seconds));
  const line = (name: string, value: number) => `| ${name} | ${value.toFixed(1)} |`;
  return [
    titled("Memory, measured", conditions),
    `${uploads.length} clients, one after another, each uploaded ${size} through the server into a bucket and deleted it; ` +
      `${seconds.toFixed(1)} s each (median). The server's resident memory was looked at ten times a second; of each upload the highest counts.`,
    [
      "| | MiB |",
      "|---|--:|",
      line("after one small file", idle),
      line("the first upload", found.first),
      line("the median upload", found.middle),
      line("the highest of all", found.most),
      line("median of the first quarter", found.early),
      line("median of the last quarter", found.late),
    ].join("\n"),
    `**${found.isFlat ? "Flat" : "Not flat"}**: flat is at most ${roomMebibytes} MiB above the memory after one small file, and the last quarter at most ` +
      `${driftMebibytes} MiB above the first.`,
    "",
  ].join("\n\n");
}
