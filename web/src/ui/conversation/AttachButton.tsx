import { useRef } from "preact/hooks";
import { t } from "../../i18n";
import { Icon } from "../parts/Icon";

/** Chooses a photo from the device. */
export function AttachButton({ onAttach }: { onAttach: (file: File | null) => Promise<void> }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="round-button"
        aria-label={t.composer.attach}
        title={t.composer.attach}
        onClick={() => input.current?.click()}
      >
        <Icon name="attach" />
      </button>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          const chosen = event.currentTarget;
          void onAttach(chosen.files?.[0] ?? null);
          // The same file can be chosen again.
          chosen.value = "";
        }}
      />
    </>
  );
}
