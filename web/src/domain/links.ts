/** Finds web addresses in a text, so that they can be shown as links. Pure. */

export type TextPart = { readonly text: string; readonly href?: string };

const address = /https?:\/\/[^\s<>"']+/giu;
const trailing = /[.,:;!?)\]}»”]+$/u;

/** The text in parts; a part with `href` is an address. */
export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(address)) {
    const href = match[0].replace(trailing, "");
    if (!URL.canParse(href)) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: href, href });
    end = match.index + href.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}
