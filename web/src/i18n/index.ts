/** The language of this browser: texts and formats. Chosen once, from the languages that the person prefers. */

import { catalogues, chooseLanguage, type Language } from "./catalogues";
import type { Catalogue } from "./en";

export type { Catalogue };

const preferred = navigator.languages;

/** The language in use. */
export const language: Language = chooseLanguage(preferred);

/** The locale for dates and numbers: the person's own variant of the language, such as en-GB. */
export const locale: string =
  preferred.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;

/** The texts in use. */
export const t: Catalogue = catalogues[language];
