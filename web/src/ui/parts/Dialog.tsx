import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  label: string;
  class?: string;
  onClose: () => void;
  children: (close: () => void) => ComponentChildren;
}

/** A modal dialog: the browser keeps the focus inside, gives it back at the end, and Escape closes. */
export function Dialog({ label, class: className, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  // Closed first and then taken away: only so the focus goes back to where it was.
  const close = () => dialog.current?.close();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog closes it; Escape does the same.
    <dialog
      ref={dialog}
      class={className}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      {children(close)}
    </dialog>
  );
}
