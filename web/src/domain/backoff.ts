/** How long to wait before the next try: longer each time, and by chance, so that clients do not come back all at once. */

const first = 500;
const longest = 20_000;

/** Milliseconds to wait after `tries` failed tries (0: after the first one). */
export function backoff(tries: number, random: () => number = Math.random): number {
  const ceiling = Math.min(longest, first * 2 ** tries);
  return ceiling / 2 + (ceiling / 2) * random();
}
