import { clock, fullMoment } from "../../domain/calendar";
import type { Chat, Message } from "../../domain/model";
import type { Grouping } from "../../domain/timeline";
import { locale, t } from "../../i18n";
import { senderName } from "../../i18n/names";
import { Icon } from "../parts/Icon";
import { LinkedText } from "./LinkedText";
import { bubbleStyle, PhotoFrame } from "./PhotoFrame";

interface Props extends Grouping {
  message: Message;
  chat: Chat;
  userId: string;
}

/** A message that the server has. */
export function MessageBubble({ message, chat, userId, first, last }: Props) {
  const own = message.senderId === userId;
  const { photo, text, link } = message;
  const from = own ? t.chats.you : senderName(chat, message.senderId);
  return (
    <li class="message" data-own={own} data-first={first} data-last={last} data-seq={message.seq}>
      <div class="bubble" data-bare={photo !== null && text === ""} style={bubbleStyle(photo)}>
        <span class="unseen">{from}: </span>
        {message.deleted && <p class="deleted">{t.conversation.deleted}</p>}
        {photo !== null && (
          <PhotoFrame {...photo} label={own ? t.message.yourPhoto : t.message.photoFrom(from)} />
        )}
        {text !== "" && <LinkedText text={text} />}
        {link !== null && <LinkedText text={link} />}
        <span class="meta">
          {message.edited && <span>{t.conversation.edited} </span>}
          <time
            dateTime={new Date(message.createdAt).toISOString()}
            title={fullMoment(message.createdAt, locale)}
          >
            {clock(message.createdAt, locale)}
          </time>
          {own && <Receipt read={chat.readByOthersSeq >= message.seq} />}
        </span>
      </div>
    </li>
  );
}

function Receipt({ read }: { read: boolean }) {
  const label = read ? t.message.read : t.message.sent;
  return (
    <span class="receipt" title={label}>
      <Icon name={read ? "read" : "sent"} />
      <span class="unseen">{label}</span>
    </span>
  );
}
