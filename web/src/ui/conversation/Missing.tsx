import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { closeChat } from "../../state/route";
import { Notice } from "../parts/Notice";

/** A chat that was opened a moment ago may take this long to appear in the list. */
const patience = 3_000;

/** In the place of a chat that is not known: not yet, or not at all. */
export function Missing({ known }: { known: boolean }) {
  const late = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      late.value = true;
    }, patience);
    return () => clearTimeout(timer);
  }, [late]);
  if (!known || !late.value) return <Notice hint={t.conversation.loading} />;
  return (
    <Notice hint={t.conversation.notFound}>
      <button type="button" class="text-button" onClick={closeChat}>
        {t.conversation.back}
      </button>
    </Notice>
  );
}
