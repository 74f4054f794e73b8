/** Chooses the right form of a word for a number, by the rules of the language. */

/** The forms that a text has. `other` is the one every language has. */
export type PluralForms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

/** Returns a function that picks the form for `n` and puts the number in the place of `#`. */
export function plural(locale: string): (n: number, forms: PluralForms) => string {
  const rules = new Intl.PluralRules(locale);
  const digits = new Intl.NumberFormat(locale);
  return (n, forms) => (forms[rules.select(n)] ?? forms.other).replace("#", digits.format(n));
}
