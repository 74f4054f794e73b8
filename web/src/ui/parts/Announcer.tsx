import { announcement } from "../../state/announcements";

/** Tells screen readers about new messages without being seen. */
export function Announcer() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {announcement}
    </div>
  );
}
