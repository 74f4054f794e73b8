import { t } from "../../i18n";
import { chats, openedChat } from "../../state/chats";
import { Logo } from "../parts/Logo";
import { Notice } from "../parts/Notice";
import { Conversation } from "./Conversation";
import { Missing } from "./Missing";

/** The right pane: the open chat, or what to do when there is none. */
export function ConversationPane({ chatId, userId }: { chatId: number | null; userId: string }) {
  const chat = openedChat.value;
  return (
    <main class="pane">
      {chatId === null && (
        <Notice title={t.conversation.choose} hint={t.conversation.chooseHint}>
          <Logo />
        </Notice>
      )}
      {chatId !== null && chat !== null && <Conversation chat={chat} userId={userId} />}
      {chatId !== null && chat === null && <Missing known={chats.value !== null} />}
    </main>
  );
}
