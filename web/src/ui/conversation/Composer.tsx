import { useSignalEffect } from "@preact/signals";
import type { TargetedSubmitEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fileIn } from "../../device/picture";
import type { Chat } from "../../domain/model";
import { t } from "../../i18n";
import { chatName } from "../../i18n/names";
import type { Draft } from "../../state/drafts";
import { send } from "../../state/outbox";
import { Icon } from "../parts/Icon";
import { AttachButton } from "./AttachButton";
import { AttachedPhoto } from "./AttachedPhoto";

/** The longest text that the server takes. */
const longestText = 10_000;

/** Where there is no keyboard, Enter begins a new line and the button sends. */
const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)");

interface Props {
  chat: Chat;
  draft: Draft;
  onAttach: (file: File | null) => Promise<void>;
}

/** Where messages are written. Enter sends, Shift+Enter begins a new line. */
export function Composer({ chat, draft, onAttach }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const isEmpty = draft.text.value.trim() === "" && draft.picture.value === null;

  useEffect(() => {
    if (hasKeyboard.matches) field.current?.focus();
  }, []);
  useSignalEffect(() => {
    if (draft.text.value.length >= 0 && field.current !== null) fitHeight(field.current);
  });

  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isEmpty) return;
    send(chat.id, draft.text.value.trim(), draft.picture.value);
    draft.text.value = "";
    draft.picture.value = null;
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (!hasKeyboard.matches) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  const onPaste = (event: ClipboardEvent) => {
    const file = fileIn(event.clipboardData);
    if (file === null) return;
    event.preventDefault();
    void onAttach(file);
  };
  return (
    <form class="composer" ref={form} onSubmit={onSubmit}>
      {draft.picture.value !== null && (
        <AttachedPhoto
          picture={draft.picture.value}
          onRemove={() => {
            draft.picture.value = null;
            field.current?.focus();
          }}
        />
      )}
      <div class="composer-line">
        <AttachButton onAttach={onAttach} />
        <textarea
          ref={field}
          rows={1}
          maxLength={longestText}
          aria-label={t.composer.label(chatName(chat))}
          placeholder={t.composer.placeholder}
          value={draft.text.value}
          onInput={(event) => {
            draft.text.value = event.currentTarget.value;
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <button
          type="submit"
          class="round-button send"
          aria-label={t.composer.send}
          aria-disabled={isEmpty}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

/** As high as its text; the styles set the most. */
function fitHeight(field: HTMLTextAreaElement): void {
  requestAnimationFrame(() => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  });
}
