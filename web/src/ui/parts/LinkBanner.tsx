import { t } from "../../i18n";
import { linkTrouble } from "../../state/link";
import { Icon } from "./Icon";

/** Says when there is no connection. The region is always there, so that its change is announced. */
export function LinkBanner() {
  const trouble = linkTrouble.value;
  return (
    <div class="link-banner" role="status" data-trouble={trouble ?? undefined}>
      {trouble !== null && (
        <p>
          {trouble === "offline" ? <Icon name="offline" /> : <span class="spinner" />}
          {t.link[trouble]}
        </p>
      )}
    </div>
  );
}
