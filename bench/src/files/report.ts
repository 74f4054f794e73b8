/** The tables of the comparison of files. */

import { median, spread, whole } from "../measure.js";
import type { Settings } from "../settings.js";
import type { Direction, FileComparison, FileMeasurement } from "./comparison.js";
import { straightName } from "./way.js";

const head = [
  "| size | at once | way | requests/s | MB/s | of straight | p50 ms | p99 ms | server µs/request | PostgreSQL µs/request | store µs/request | client µs/request | server MiB |",
  "|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
];

const titles: Readonly<Record<Direction, string>> = {
  upload: "Files: uploading",
  download: "Files: downloading",
};

const included: Readonly<Record<Direction, string>> = {
  upload:
    "Through the server a file is a form: its bytes are hashed and received on the disk, their kind is looked at, the person's plan and the " +
    "permission are asked, the object goes into the book, a row is written, and only then do the bytes go on: to the bucket, with their hash, or into " +
    "the folder, where they are brought to the disk (`fsync`) before the answer. Straight to the store is one `PUT` to a signed address, of which the store " +
    "hashes what it gets; it does not wait for its disk, neither here nor behind the server.",
  download:
    "Through the server the token is verified, the row is read as the person, and the bytes come through. Straight from the store is one `GET` of a " +
    "signed address, which is what a client has that asked for presigned URLs. The files are in memory for all.",
};

/** A section for each direction. */
export function fileSections(comparisons: readonly FileComparison[], settings: Settings): string[] {
  const times =
    `Each figure is the median of ${settings.rotations} slots of ${settings.fileSeconds} s; the ratio is the median of those inside each rotation, ` +
    "with the lowest and the highest. One store and one client, both as processes of this machine, serve all ways.";
  return (["upload", "download"] as const).map((direction) => {
    const lines = comparisons
      .filter(({ question }) => question.direction === direction)
      .flatMap(linesOf);
    return `## ${titles[direction]}\n\n${included[direction]}\n${times}\n\n${[...head, ...lines].join("\n")}`;
  });
}

function linesOf({ question, rows }: FileComparison): string[] {
  const { bytes, connections } = question;
  const base = rows.get(straightName) ?? [];
  return [...rows].map(([name, measurements]) => {
    const of = (read: (one: FileMeasurement) => number | null) => {
      const values = measurements.map(read).filter((value) => value !== null);
      return values.length === 0 ? null : median(values);
    };
    const perSecond = of((one) => one.perSecond) ?? 0;
    // The machine drifts: a ratio holds within its rotation only.
    const ratios = measurements.map(
      (one, rotation) => one.perSecond / (base[rotation]?.perSecond ?? Number.NaN),
    );
    const cells = [
      sizeOf(bytes),
      connections,
      name,
      perSecond < 100 ? perSecond.toFixed(1) : whole(perSecond),
      ((perSecond * bytes) / 1e6).toFixed(1),
      `${median(ratios).toFixed(2)} (${spread(ratios)})`,
      (of((one) => one.p50) ?? 0).toFixed(2),
      (of((one) => one.p99) ?? 0).toFixed(2),
      whole(of((one) => one.serverCpu)),
      whole(of((one) => one.postgresCpu)),
      whole(of((one) => one.storeCpu)),
      whole(of((one) => one.clientCpu)),
      whole(of((one) => one.memory)),
    ];
    return `| ${cells.join(" | ")} |`;
  });
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`;
}
