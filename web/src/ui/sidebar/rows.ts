/** Moving through a list of rows with the arrow keys. Tab works as well: every row is a button. */

/** Puts the focus on a row of a list. */
export function focusRow(list: Element | null | undefined, index: number): void {
  list?.querySelectorAll<HTMLElement>(".row")[index]?.focus();
}

/** Moves the focus with the arrow keys, Home and End. */
export function onRowKeys(event: KeyboardEvent): void {
  const list = event.currentTarget as Element;
  const rows = [...list.querySelectorAll(".row")];
  const present = rows.indexOf(document.activeElement ?? list);
  const targets: Readonly<Record<string, number>> = {
    ArrowDown: Math.min(present + 1, rows.length - 1),
    ArrowUp: Math.max(present - 1, 0),
    Home: 0,
    End: rows.length - 1,
  };
  const target = targets[event.key];
  if (present < 0 || target === undefined) return;
  event.preventDefault();
  focusRow(list, target);
}
