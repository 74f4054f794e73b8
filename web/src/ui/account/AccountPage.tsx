import { useSignal } from "@preact/signals";
import { t } from "../../i18n";
import { Logo } from "../parts/Logo";
import { SignInForm } from "./SignInForm";
import { SignUpForm } from "./SignUpForm";

/** Sign in, or create an account. */
export function AccountPage() {
  const isNew = useSignal(false);
  const verifyFirst = useSignal(false);
  const switchTo = (wanted: boolean) => {
    isNew.value = wanted;
    verifyFirst.value = false;
  };
  const texts = isNew.value
    ? { title: t.account.welcome, hint: t.account.welcomeHint }
    : { title: t.account.welcomeBack, hint: t.account.welcomeBackHint };
  return (
    <main class="account">
      <div class="account-card">
        <Logo />
        <h1>{texts.title}</h1>
        <p class="account-hint">{texts.hint}</p>
        {verifyFirst.value && (
          <p class="form-notice" role="status">
            {t.account.verifyFirst}
          </p>
        )}
        {isNew.value ? (
          <SignUpForm
            onVerifyFirst={() => {
              switchTo(false);
              verifyFirst.value = true;
            }}
          />
        ) : (
          <SignInForm />
        )}
        <p class="account-switch">
          {isNew.value ? t.account.alreadyHere : t.account.noAccountYet}{" "}
          <button type="button" class="text-button" onClick={() => switchTo(!isNew.value)}>
            {isNew.value ? t.account.signIn : t.account.signUp}
          </button>
        </p>
      </div>
    </main>
  );
}
