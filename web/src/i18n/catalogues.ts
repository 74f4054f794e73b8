/** The languages there are, and which of them suits a person. Pure. */

import { type Catalogue, en } from "./en";
import { ru } from "./ru";

export const catalogues = { en, ru } satisfies Record<string, Catalogue>;

export type Language = keyof typeof catalogues;

/** The first preferred language that there is a catalogue for. */
export function chooseLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0] ?? "";
    if (Object.hasOwn(catalogues, language)) return language as Language;
  }
  return "en";
}
