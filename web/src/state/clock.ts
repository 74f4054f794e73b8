/** The present moment, to the minute: "today" and "yesterday" move while the page is open. */

import { type ReadonlySignal, signal } from "@preact/signals";

const current = signal(Date.now());

setInterval(() => {
  current.value = Date.now();
}, 60_000);

export const now: ReadonlySignal<number> = current;
