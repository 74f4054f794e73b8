import { useSignal } from "@preact/signals";
import type { TargetedSubmitEvent } from "preact";
import { type ProblemCode, toProblem } from "../../api/problem";
import type { CredentialErrors, Credentials } from "../../domain/credentials";
import { t } from "../../i18n";

/** What a form of the account page does: check, send, and say in words what is wrong. */
export function useAccountForm(
  check: (credentials: Credentials) => CredentialErrors,
  submit: (credentials: Credentials) => Promise<void>,
) {
  const errors = useSignal<CredentialErrors>({});
  const problem = useSignal<ProblemCode | null>(null);
  const busy = useSignal(false);

  const onSubmit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy.value) return;
    const form = event.currentTarget;
    const credentials = read(new FormData(form));
    problem.value = null;
    errors.value = check(credentials);
    const [firstWrong] = Object.keys(errors.value);
    if (firstWrong !== undefined) {
      form.querySelector<HTMLInputElement>(`[name="${firstWrong}"]`)?.focus();
      return;
    }
    busy.value = true;
    try {
      await submit(credentials);
    } catch (error) {
      problem.value = toProblem(error).code;
    } finally {
      busy.value = false;
    }
  };

  const errorOf = (field: keyof Credentials) => {
    const key = errors.value[field];
    return key === undefined ? undefined : t.account[key];
  };
  return { onSubmit, errorOf, problem: problem.value, busy: busy.value };
}

function read(data: FormData): Credentials {
  const text = (name: string) => String(data.get(name) ?? "");
  return { name: text("name").trim(), email: text("email").trim(), password: text("password") };
}
