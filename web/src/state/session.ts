/** Who is signed in. The SDK keeps and renews the session; this follows it, in all windows of the browser. */

import type { Session } from "@nhost/nhost-js/session";
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { nhost } from "../api/nhost";
import { Problem, toProblem } from "../api/problem";

const session = signal<Session | null>(nhost.getUserSession());

nhost.sessionStorage.onChange((changed) => {
  session.value = changed;
});
addEventListener("storage", () => {
  session.value = nhost.getUserSession();
});

/** The id of the signed-in person, or null. Changes only when the person does. */
export const userId: ReadonlySignal<string | null> = computed(
  () => session.value?.user?.id ?? null,
);

/** What to call the signed-in person. */
export const userName: ReadonlySignal<string> = computed(() => {
  const user = session.value?.user;
  return user?.displayName || user?.email || "";
});

/** Signs in, or says in a `Problem` why not. */
export async function signIn(email: string, password: string): Promise<void> {
  const { body } = await attempt(() => nhost.auth.signInEmailPassword({ email, password }));
  if (!body.session) throw new Problem(body.mfa ? "secondFactor" : "unverified");
}

/** Creates an account; false when the address must be confirmed before it can be used. */
export async function signUp(name: string, email: string, password: string): Promise<boolean> {
  const { body } = await attempt(() =>
    nhost.auth.signUpEmailPassword({ email, password, options: { displayName: name } }),
  );
  return Boolean(body.session);
}

/** Signs out here at once. Where the server cannot be told, the refresh token lives on there until it expires. */
export function signOut(): void {
  const refreshToken = session.value?.refreshToken;
  nhost.clearSession();
  if (refreshToken !== undefined) nhost.auth.signOut({ refreshToken }).catch(() => undefined);
}

async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toProblem(error);
  }
}
