import { t } from "../../i18n";
import { discardAll } from "../../state/outbox";
import { signOut } from "../../state/session";
import { Dialog } from "../parts/Dialog";

/** Signing out drops what is not sent; nobody should lose it by surprise. */
export function SignOutDialog({ unsent, onClose }: { unsent: number; onClose: () => void }) {
  const onConfirm = () => {
    discardAll();
    signOut();
  };
  return (
    <Dialog label={t.signOut.title} class="question" onClose={onClose}>
      {(close) => (
        <>
          <h2>{t.signOut.title}</h2>
          <p>{t.signOut.unsent(unsent)}</p>
          <div class="question-buttons">
            <button type="button" class="quiet-button" onClick={close}>
              {t.signOut.cancel}
            </button>
            <button type="button" class="main-button danger" onClick={onConfirm}>
              {t.account.signOut}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
