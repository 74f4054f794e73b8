import { splitLinks } from "../../domain/links";

/** A text as it was written, line breaks and all; addresses in it are links. */
export function LinkedText({ text }: { text: string }) {
  return (
    <p class="text" dir="auto">
      {splitLinks(text).map((part) =>
        part.href === undefined ? (
          part.text
        ) : (
          <a href={part.href} target="_blank" rel="noopener noreferrer">
            {part.text}
          </a>
        ),
      )}
    </p>
  );
}
