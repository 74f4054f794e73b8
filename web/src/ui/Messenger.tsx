import { openChatId } from "../state/route";
import { viewedPhoto } from "../state/viewer";
import { ConversationPane } from "./conversation/ConversationPane";
import { Announcer } from "./parts/Announcer";
import { LinkBanner } from "./parts/LinkBanner";
import { PhotoViewer } from "./parts/PhotoViewer";
import { Sidebar } from "./sidebar/Sidebar";

/** Two panes; on a narrow screen the one that matters. */
export function Messenger({ userId }: { userId: string }) {
  const chatId = openChatId.value;
  return (
    <div class="messenger" data-open={chatId !== null}>
      <LinkBanner />
      <Sidebar userId={userId} />
      <ConversationPane key={chatId} chatId={chatId} userId={userId} />
      <Announcer />
      {viewedPhoto.value !== null && <PhotoViewer fileId={viewedPhoto.value} />}
    </div>
  );
}
