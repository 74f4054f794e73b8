import { hueOf, initials } from "../../domain/avatar";

/** A person as initials on a colour; the name itself stands beside it. */
export function Avatar({ id, name }: { id: string; name: string }) {
  return (
    <span class="avatar" data-hue={hueOf(id)} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
