import { useSignal } from "@preact/signals";
import { t } from "../../i18n";
import { Icon } from "../parts/Icon";
import { Field } from "./Field";

interface Props {
  autoComplete: "current-password" | "new-password";
  error: string | undefined;
}

/** A password, which can be looked at. */
export function PasswordField(props: Props) {
  const shown = useSignal(false);
  return (
    <div class="password">
      <Field
        name="password"
        type={shown.value ? "text" : "password"}
        label={t.account.password}
        {...props}
      />
      <button
        type="button"
        class="quiet-button"
        aria-label={shown.value ? t.account.hidePassword : t.account.showPassword}
        onClick={() => {
          shown.value = !shown.value;
        }}
      >
        <Icon name={shown.value ? "eyeOff" : "eye"} />
      </button>
    </div>
  );
}
