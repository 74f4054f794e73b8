import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import { chats } from "../../state/chats";
import { openChatId } from "../../state/route";
import { Notice } from "../parts/Notice";
import { ChatRow } from "./ChatRow";
import { onRowKeys } from "./rows";

/** My chats, the liveliest first. */
export function ChatList({ userId }: { userId: string }) {
  const list = chats.value;
  const nav = useRef<HTMLElement>(null);
  useFocusAfterClosing(nav);
  return (
    <nav class="rows" ref={nav} aria-label={t.chats.list}>
      <h2 class="unseen">{t.chats.title}</h2>
      {list === null && <Notice hint={t.chats.loading} />}
      {list?.length === 0 && <Notice title={t.chats.empty} hint={t.chats.emptyHint} />}
      {list !== null && (
        <ul onKeyDown={onRowKeys}>
          {list.map((chat) => (
            <li key={chat.id}>
              <ChatRow chat={chat} userId={userId} />
            </li>
          ))}
        </ul>
      )}
    </nav>
  );
}

/** On a narrow screen closing a chat takes the focus away with it; it goes to the chat's row. */
function useFocusAfterClosing(nav: RefObject<HTMLElement | null>) {
  const open = openChatId.value;
  const former = useRef(open);
  useEffect(() => {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (open === null && former.current !== null && lost) {
      nav.current?.querySelector<HTMLElement>(`[data-chat="${former.current}"]`)?.focus();
    }
    former.current = open;
  }, [open, nav]);
}
