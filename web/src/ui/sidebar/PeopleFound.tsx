import type { Person } from "../../domain/model";
import { t } from "../../i18n";
import { personName } from "../../i18n/names";
import { search, writeTo } from "../../state/search";
import { Avatar } from "../parts/Avatar";
import { Notice } from "../parts/Notice";
import { onRowKeys } from "./rows";

/** What the search found. */
export function PeopleFound() {
  const view = search.value;
  return (
    <section class="rows" aria-label={t.people.results}>
      <p class="unseen" role="status">
        {view.state === "found" && t.people.found(view.people.length)}
      </p>
      {view.state === "searching" && <Notice hint={t.people.searching} />}
      {view.state === "failed" && <Notice hint={t.problem[view.problem]} />}
      {view.state === "found" && view.people.length === 0 && <Notice hint={t.people.none} />}
      {view.state === "found" && (
        <ul onKeyDown={onRowKeys}>
          {view.people.map((person) => (
            <li key={person.id}>
              <PersonRow person={person} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function PersonRow({ person }: { person: Person }) {
  const name = personName(person);
  return (
    <button
      type="button"
      class="row"
      aria-label={t.people.open(name)}
      onClick={() => void writeTo(person)}
    >
      <Avatar id={person.id} name={name} />
      <span class="row-name">{name}</span>
    </button>
  );
}
