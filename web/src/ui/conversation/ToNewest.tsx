import { t } from "../../i18n";
import { Icon } from "../parts/Icon";

/** Leads back to the end when the person has scrolled up; tells how much has come meanwhile. */
export function ToNewest({ count, onClick }: { count: number; onClick: () => void }) {
  return (
    <button
      type="button"
      class="round-button to-newest"
      aria-label={
        count > 0
          ? `${t.conversation.toNewest}, ${t.conversation.newMessages(count)}`
          : t.conversation.toNewest
      }
      onClick={onClick}
    >
      <Icon name="down" />
      {count > 0 && (
        <span class="badge" aria-hidden="true">
          {count > 99 ? "99+" : count}
        </span>
      )}
    </button>
  );
}
