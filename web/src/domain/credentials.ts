/** What can be said about a sign-in or sign-up form before the server is asked. Pure. */

import type { Catalogue } from "../i18n";

export interface Credentials {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

export type CredentialErrors = Partial<Record<keyof Credentials, keyof Catalogue["account"]>>;

/** What the server takes as a name. */
const namePattern = /^[\p{L}\p{N}\p{S} ,.'-]+$/u;
const nameLimit = 32;

/** What is wrong with an address and a password. */
export function signInErrors({ email, password }: Credentials): CredentialErrors {
  return {
    ...(/^[^\s@]+@[^\s@]+$/.test(email) ? {} : { email: "emailInvalid" }),
    ...(password === "" ? { password: "passwordMissing" } : {}),
  };
}

/** What is wrong with a new account. */
export function signUpErrors(credentials: Credentials): CredentialErrors {
  const name = nameError(credentials.name);
  return { ...(name === null ? {} : { name }), ...signInErrors(credentials) };
}

function nameError(name: string): keyof Catalogue["account"] | null {
  if (name === "") return "nameMissing";
  if ([...name].length > nameLimit) return "nameTooLong";
  return namePattern.test(name) ? null : "nameInvalid";
}
