import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  name: "name" | "email" | "password";
  type: "text" | "email" | "password";
  autoComplete: string;
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  /** Takes the focus when the form appears. */
  first?: boolean;
}

/** A labelled field; what is wrong with it stands under it and is read with it. */
export function Field({ name, type, autoComplete, label, hint, error, first }: Props) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (first) field.current?.focus();
  }, [first]);
  const note = error ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        name={name}
        // The typings tell kinds of input apart that are all texts here.
        type={type as "text"}
        autoComplete={autoComplete}
        id={id}
        ref={field}
        autoCapitalize={name === "name" ? "words" : "none"}
        aria-invalid={error !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
      />
      {note !== undefined && (
        <p id={`${id}-note`} class={error === undefined ? "field-hint" : "field-error"}>
          {note}
        </p>
      )}
    </div>
  );
}
