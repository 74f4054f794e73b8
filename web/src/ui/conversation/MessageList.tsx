import { useComputed, useSignal } from "@preact/signals";
import { dayLabel } from "../../domain/calendar";
import type { Chat } from "../../domain/model";
import { layOut, type TimelineItem } from "../../domain/timeline";
import { locale, t } from "../../i18n";
import { chatName } from "../../i18n/names";
import { now } from "../../state/clock";
import { history, loadingOlder, loadOlder } from "../../state/conversation";
import { outbox } from "../../state/outbox";
import { setAtNewest } from "../../state/reading";
import { MessageBubble } from "../message/MessageBubble";
import { OutgoingBubble } from "../message/OutgoingBubble";
import { Notice } from "../parts/Notice";
import { MessageScroller } from "./MessageScroller";
import { ToNewest } from "./ToNewest";

/** What was said, the newest at the bottom. */
export function MessageList({ chat, userId }: { chat: Chat; userId: string }) {
  const known = history.value;
  const items = useComputed(() =>
    history.value === null ? [] : layOut(history.value, outbox.value, chat.id, userId),
  );
  const seenSeq = useSignal<number | null>(null);
  const lastSeq = known?.messages.at(-1)?.seq ?? 0;
  const lastOwn = items.value.findLast((item) => item.kind === "outgoing")?.key ?? null;
  const onNewest = (atNewest: boolean) => {
    setAtNewest(atNewest);
    seenSeq.value = atNewest ? null : (seenSeq.value ?? lastSeq);
  };
  if (known === null) return <Notice hint={t.conversation.loading} />;
  const name = chatName(chat);
  return (
    <MessageScroller
      label={t.conversation.messages(name)}
      jumpTo={lastOwn}
      onNewest={onNewest}
      onOldest={() => void loadOlder()}
      overlay={(toNewest) =>
        seenSeq.value !== null && (
          <ToNewest count={Math.max(0, lastSeq - seenSeq.value)} onClick={toNewest} />
        )
      }
    >
      {loadingOlder.value && <li class="older">{t.conversation.loadingOlder}</li>}
      {items.value.length === 0 && (
        <li class="empty">
          <Notice title={t.conversation.empty} hint={t.conversation.emptyHint(name)} />
        </li>
      )}
      {items.value.map((item) => (
        <Item key={item.key} item={item} chat={chat} userId={userId} />
      ))}
    </MessageScroller>
  );
}

function Item({ item, chat, userId }: { item: TimelineItem; chat: Chat; userId: string }) {
  switch (item.kind) {
    case "day":
      return (
        <li class="day">
          <span>{dayLabel(item.at, now.value, locale, t.conversation)}</span>
        </li>
      );
    case "hole":
      return <li class="older">{t.conversation.loading}</li>;
    case "message":
      return <MessageBubble {...item} chat={chat} userId={userId} />;
    case "outgoing":
      return <OutgoingBubble {...item} />;
  }
}
