/** Starts what follows the server when somebody signs in, and ends all of it when they sign out. */

import { effect, untracked } from "@preact/signals";
import { reconnect } from "../api/live";
import { t } from "../i18n";
import { followChats, unreadInAll } from "./chats";
import { followConversation } from "./conversation";
import { forgetDrafts } from "./drafts";
import { followOutbox } from "./outbox";
import { forgetPhotos } from "./photos";
import { followReading } from "./reading";
import { closeChat } from "./route";
import { followSearch } from "./search";
import { userId } from "./session";

/** Called once, when the page starts. */
export function startFollowing(): void {
  effect(() => {
    const id = userId.value;
    return id === null ? undefined : untracked(() => signedIn(id));
  });
  effect(() => {
    const unread = unreadInAll.value;
    document.title = unread > 0 ? `(${unread}) ${t.appName}` : t.appName;
  });
}

function signedIn(id: string): () => void {
  const stops = [
    followChats(id),
    followConversation(),
    followOutbox(id),
    followReading(id),
    followSearch(id),
  ];
  return () => {
    for (const stop of stops) stop();
    forgetPhotos();
    forgetDrafts();
    closeChat();
    // The socket is the former person's; whoever comes next gets one of their own.
    reconnect();
  };
}
