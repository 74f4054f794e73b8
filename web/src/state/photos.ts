/** Photos to show: fetched with the person's own rights when they come into view, and kept for this visit. */

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { fetchPhoto } from "../api/files";
import { toProblem } from "../api/problem";
import { keptPhoto } from "../device/photo-storage";
import { backoff } from "../domain/backoff";

export type PhotoView =
  | { readonly state: "waiting" | "loading" | "broken" }
  | { readonly state: "ready"; readonly url: string };

/** As many photos are kept; the ones that came first are let go. */
const keptPhotos = 200;
const tries = 4;

const views = new Map<string, Signal<PhotoView>>();

/** How a photo stands. */
export function photoView(fileId: string): ReadonlySignal<PhotoView> {
  return viewOf(fileId);
}

/** Fetches a photo unless it is there, or on its way. */
export async function loadPhoto(fileId: string): Promise<void> {
  const view = viewOf(fileId);
  const { state } = view.peek();
  if (state === "ready" || state === "loading") return;
  view.value = { state: "loading" };
  const content = await find(fileId);
  view.value =
    content === null ? { state: "broken" } : { state: "ready", url: URL.createObjectURL(content) };
  letGo(views.size - keptPhotos);
}

/** Shows a photo that is being sent: no need to fetch what came from here. */
export function showOwnPhoto(fileId: string, content: Blob): void {
  viewOf(fileId).value = { state: "ready", url: URL.createObjectURL(content) };
}

/** Lets all photos go. */
export function forgetPhotos(): void {
  letGo(views.size);
}

async function find(fileId: string): Promise<Blob | null> {
  const kept = await keptPhoto(fileId);
  if (kept !== null) return kept;
  for (let failed = 0; failed < tries; failed++) {
    try {
      return await fetchPhoto(fileId);
    } catch (error) {
      if (!toProblem(error).passing) return null;
      await new Promise((done) => setTimeout(done, backoff(failed)));
    }
  }
  return null;
}

function viewOf(fileId: string): Signal<PhotoView> {
  const known = views.get(fileId);
  if (known !== undefined) return known;
  const view = signal<PhotoView>({ state: "waiting" });
  views.set(fileId, view);
  return view;
}

function letGo(count: number): void {
  for (const [fileId, view] of [...views].slice(0, Math.max(0, count))) {
    const shown = view.peek();
    if (shown.state === "ready") URL.revokeObjectURL(shown.url);
    views.delete(fileId);
  }
}
