import { useSignal } from "@preact/signals";
import { t } from "../../i18n";
import { outbox } from "../../state/outbox";
import { signOut, userName } from "../../state/session";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { SignOutDialog } from "./SignOutDialog";

/** The signed-in person, and the way out. */
export function Account({ userId }: { userId: string }) {
  const asking = useSignal(false);
  const onSignOut = () => {
    if (outbox.value.length > 0) asking.value = true;
    else signOut();
  };
  return (
    <header class="own-account">
      <Avatar id={userId} name={userName.value} />
      <p class="own-name">{userName}</p>
      <button
        type="button"
        class="round-button"
        aria-label={t.account.signOut}
        title={t.account.signOut}
        onClick={onSignOut}
      >
        <Icon name="signOut" />
      </button>
      {asking.value && (
        <SignOutDialog
          unsent={outbox.value.length}
          onClose={() => {
            asking.value = false;
          }}
        />
      )}
    </header>
  );
}
