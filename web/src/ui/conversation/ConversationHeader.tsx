import type { Chat } from "../../domain/model";
import { t } from "../../i18n";
import { chatName } from "../../i18n/names";
import { closeChat } from "../../state/route";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";

/** With whom; on a narrow screen also the way back. */
export function ConversationHeader({ chat, userId }: { chat: Chat; userId: string }) {
  const name = chatName(chat);
  return (
    <header class="conversation-header">
      <button
        type="button"
        class="round-button back"
        aria-label={t.conversation.back}
        onClick={closeChat}
      >
        <Icon name="back" />
      </button>
      <Avatar id={chat.others[0]?.id ?? userId} name={name} />
      <h1>{name}</h1>
    </header>
  );
}
