/** Load by the client of this program: so many at once, each goes on with the next when one is done. */

import type { Answers } from "../measure.js";

/** Does `one` again and again for some seconds, and waits for those that have begun. The first failure ends it. */
export async function load(
  one: () => Promise<void>,
  connections: number,
  seconds: number,
): Promise<Answers> {
  const began = performance.now();
  const end = began + seconds * 1000;
  const took: number[] = [];
  const worker = async () => {
    do {
      const before = performance.now();
      await one();
      took.push(performance.now() - before);
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const elapsed = (performance.now() - began) / 1000;
  took.sort((a, b) => a - b);
  return {
    count: took.length,
    seconds: elapsed,
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
  };
}

/** By the nearest rank. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
