import type { ProblemCode } from "../../api/problem";
import { t } from "../../i18n";

interface Props {
  label: string;
  busy: boolean;
  problem: ProblemCode | null;
}

/** The end of a form: what went wrong with it as a whole, and the button. */
export function SubmitButton({ label, busy, problem }: Props) {
  return (
    <>
      <div role="alert">{problem !== null && <p class="form-error">{t.problem[problem]}</p>}</div>
      <button type="submit" class="main-button" aria-disabled={busy}>
        {busy ? t.account.busy : label}
      </button>
    </>
  );
}
