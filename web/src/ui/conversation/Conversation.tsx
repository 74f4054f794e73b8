import { useSignal } from "@preact/signals";
import { fileIn, readPicture } from "../../device/picture";
import type { Chat } from "../../domain/model";
import { t } from "../../i18n";
import { chatName } from "../../i18n/names";
import { draftOf } from "../../state/drafts";
import { Composer } from "./Composer";
import { ConversationHeader } from "./ConversationHeader";
import { MessageList } from "./MessageList";

/** An open chat: who it is with, what was said, and where to write. */
export function Conversation({ chat, userId }: { chat: Chat; userId: string }) {
  const draft = draftOf(chat.id);
  const dragging = useSignal(false);
  const notPhoto = useSignal(false);

  const attach = async (file: File | null) => {
    if (file === null) return;
    const picture = await readPicture(file);
    notPhoto.value = picture === null;
    if (picture !== null) draft.picture.value = picture;
  };
  const onDrag = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    dragging.value = event.type === "dragover";
    if (event.type === "drop") void attach(fileIn(event.dataTransfer));
  };
  return (
    <section
      class="conversation"
      aria-label={t.conversation.messages(chatName(chat))}
      data-dragging={dragging.value}
      onDragOver={onDrag}
      onDragLeave={onDrag}
      onDrop={onDrag}
    >
      <ConversationHeader chat={chat} userId={userId} />
      <MessageList chat={chat} userId={userId} />
      <div role="alert">
        {notPhoto.value && <p class="composer-error">{t.composer.notPhoto}</p>}
      </div>
      <Composer chat={chat} draft={draft} onAttach={attach} />
      {dragging.value && <p class="drop-hint">{t.composer.drop}</p>}
    </section>
  );
}
