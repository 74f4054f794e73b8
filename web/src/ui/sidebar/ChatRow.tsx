import { fullMoment, shortMoment } from "../../domain/calendar";
import { type Chat, unreadCount } from "../../domain/model";
import { locale, t } from "../../i18n";
import { chatName } from "../../i18n/names";
import { now } from "../../state/clock";
import { openChat, openChatId } from "../../state/route";
import { Avatar } from "../parts/Avatar";

/** One chat: with whom, what was said last and when, and how much of it is new. */
export function ChatRow({ chat, userId }: { chat: Chat; userId: string }) {
  const name = chatName(chat);
  const unread = unreadCount(chat);
  const at = chat.lastActivityAt;
  return (
    <button
      type="button"
      class="row"
      data-chat={chat.id}
      aria-current={openChatId.value === chat.id ? "page" : undefined}
      onClick={() => openChat(chat.id)}
    >
      <Avatar id={chat.others[0]?.id ?? userId} name={name} />
      <span class="row-name">{name}</span>
      <time class="row-time" dateTime={new Date(at).toISOString()} title={fullMoment(at, locale)}>
        {shortMoment(at, now.value, locale)}
      </time>
      <span class="row-text">{lastWords(chat, userId)}</span>
      {unread > 0 && (
        <span class="badge">
          <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
          <span class="unseen">{t.chats.unread(unread)}</span>
        </span>
      )}
    </button>
  );
}

function lastWords(chat: Chat, userId: string) {
  const message = chat.lastMessage;
  if (message === null) return t.chats.noMessages;
  const words = message.deleted ? t.conversation.deleted : message.text || t.chats.photo;
  return message.senderId === userId && chat.others.length > 0 ? `${t.chats.you}: ${words}` : words;
}
