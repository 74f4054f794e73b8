import { signInErrors } from "../../domain/credentials";
import { t } from "../../i18n";
import { signIn } from "../../state/session";
import { Field } from "./Field";
import { PasswordField } from "./PasswordField";
import { SubmitButton } from "./SubmitButton";
import { useAccountForm } from "./useAccountForm";

/** Sign in with address and password. */
export function SignInForm() {
  const { onSubmit, errorOf, problem, busy } = useAccountForm(signInErrors, ({ email, password }) =>
    signIn(email, password),
  );
  return (
    <form class="account-form" noValidate onSubmit={onSubmit}>
      <Field
        name="email"
        type="email"
        autoComplete="username"
        label={t.account.email}
        error={errorOf("email")}
        first
      />
      <PasswordField autoComplete="current-password" error={errorOf("password")} />
      <SubmitButton label={t.account.signIn} busy={busy} problem={problem} />
    </form>
  );
}
