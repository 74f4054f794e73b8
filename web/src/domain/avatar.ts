/** How a person looks without a picture: initials on a colour. Pure, and the same on every device. */

/** How many colours there are; the styles name them 0 … n-1. */
export const hueCount = 8;

/** Up to two letters: of the first and the last word, or of a single word its first letter. */
export function initials(name: string): string {
  const words = name.split(/[\s,.]+/u).filter((word) => /[\p{L}\p{N}\p{S}]/u.test(word));
  const first = words[0];
  if (first === undefined) return "?";
  const last = words.length > 1 ? words.at(-1) : undefined;
  return (firstLetter(first) + firstLetter(last ?? "")).toLocaleUpperCase();
}

/** Which of the colours belongs to an id. */
export function hueOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return hash % hueCount;
}

function firstLetter(word: string): string {
  const letters = new Intl.Segmenter().segment(word.replace(/^[^\p{L}\p{N}\p{S}]+/u, ""));
  for (const { segment } of letters) return segment;
  return "";
}
