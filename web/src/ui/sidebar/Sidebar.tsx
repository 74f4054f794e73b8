import { searched } from "../../state/search";
import { Account } from "./Account";
import { ChatList } from "./ChatList";
import { PeopleFound } from "./PeopleFound";
import { PeopleSearch } from "./PeopleSearch";

/** Who I am, people to find, and my chats. */
export function Sidebar({ userId }: { userId: string }) {
  return (
    <aside class="sidebar">
      <Account userId={userId} />
      <PeopleSearch />
      {searched.value.trim() === "" ? <ChatList userId={userId} /> : <PeopleFound />}
    </aside>
  );
}
