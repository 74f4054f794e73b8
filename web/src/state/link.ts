/** The connection to the server, as people should know it. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { listenToLink } from "../api/live";

/** A connection that is taken up again within this time is not worth a word. */
const patience = 1_500;

const network = signal(navigator.onLine);
const connected = signal(false);
const patienceOver = signal(false);

addEventListener("online", () => {
  network.value = true;
});
addEventListener("offline", () => {
  network.value = false;
});
listenToLink((now) => {
  connected.value = now;
});
effect(() => {
  patienceOver.value = false;
  if (connected.value) return undefined;
  const timer = setTimeout(() => {
    patienceOver.value = true;
  }, patience);
  return () => clearTimeout(timer);
});

/** Whether a request has a chance. */
export const reachable: ReadonlySignal<boolean> = computed(() => network.value && connected.value);

/** What to tell the person; null while all is well. */
export const linkTrouble: ReadonlySignal<"offline" | "connecting" | null> = computed(() => {
  if (!network.value) return "offline";
  return !connected.value && patienceOver.value ? "connecting" : null;
});
