import { useRef } from "preact/hooks";
import { t } from "../../i18n";
import { searched } from "../../state/search";
import { Icon } from "../parts/Icon";
import { focusRow } from "./rows";

/** The field to find people by name. Arrow down goes to what was found, Escape gives up. */
export function PeopleSearch() {
  const field = useRef<HTMLInputElement>(null);
  const clear = () => {
    searched.value = "";
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") clear();
    if (event.key === "ArrowDown") {
      event.preventDefault();
      focusRow(field.current?.closest(".sidebar"), 0);
    }
  };
  return (
    <search class="people-search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label={t.people.search}
        placeholder={t.people.search}
        autoComplete="off"
        value={searched.value}
        onInput={(event) => {
          searched.value = event.currentTarget.value;
        }}
        onKeyDown={onKeyDown}
      />
      {searched.value !== "" && (
        <button type="button" class="quiet-button" aria-label={t.people.clear} onClick={clear}>
          <Icon name="close" />
        </button>
      )}
    </search>
  );
}
