/** The photo that is looked at in full size. */

import { signal } from "@preact/signals";

/** Its file, or null while none is. */
export const viewedPhoto = signal<string | null>(null);
