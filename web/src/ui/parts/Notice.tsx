import type { ComponentChildren } from "preact";

/** What stands in the middle of a pane that has nothing to show. */
export function Notice(props: { title?: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      {props.children}
      {props.title && <p class="notice-title">{props.title}</p>}
      {props.hint && <p>{props.hint}</p>}
    </div>
  );
}
