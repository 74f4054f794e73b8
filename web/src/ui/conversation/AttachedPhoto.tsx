import { useEffect, useMemo } from "preact/hooks";
import type { Picture } from "../../device/picture";
import { t } from "../../i18n";
import { Icon } from "../parts/Icon";

/** The photo that will go with the next message. */
export function AttachedPhoto({ picture, onRemove }: { picture: Picture; onRemove: () => void }) {
  const url = useMemo(() => URL.createObjectURL(picture.content), [picture]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <div class="attached">
      <img src={url} alt={t.composer.attached(picture.name)} />
      <button
        type="button"
        class="round-button"
        aria-label={t.composer.removePhoto}
        onClick={onRemove}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
