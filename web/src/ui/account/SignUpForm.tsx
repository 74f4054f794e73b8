import { signUpErrors } from "../../domain/credentials";
import { t } from "../../i18n";
import { signUp } from "../../state/session";
import { Field } from "./Field";
import { PasswordField } from "./PasswordField";
import { SubmitButton } from "./SubmitButton";
import { useAccountForm } from "./useAccountForm";

/** Create an account with name, address and password. */
export function SignUpForm({ onVerifyFirst }: { onVerifyFirst: () => void }) {
  const { onSubmit, errorOf, problem, busy } = useAccountForm(
    signUpErrors,
    async ({ name, email, password }) => {
      if (!(await signUp(name, email, password))) onVerifyFirst();
    },
  );
  return (
    <form class="account-form" noValidate onSubmit={onSubmit}>
      <Field
        name="name"
        type="text"
        autoComplete="name"
        label={t.account.displayName}
        hint={t.account.displayNameHint}
        error={errorOf("name")}
        first
      />
      <Field
        name="email"
        type="email"
        autoComplete="email"
        label={t.account.email}
        error={errorOf("email")}
      />
      <PasswordField autoComplete="new-password" error={errorOf("password")} />
      <SubmitButton label={t.account.signUp} busy={busy} problem={problem} />
    </form>
  );
}
