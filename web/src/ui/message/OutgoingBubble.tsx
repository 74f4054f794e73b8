import { clock } from "../../domain/calendar";
import type { Outgoing } from "../../domain/outgoing";
import type { Grouping } from "../../domain/timeline";
import { locale, t } from "../../i18n";
import { linkTrouble } from "../../state/link";
import { discard, refusals, retry, uploads } from "../../state/outbox";
import { Icon } from "../parts/Icon";
import { LinkedText } from "./LinkedText";
import { bubbleStyle, PhotoFrame } from "./PhotoFrame";

/** A message on its way, or one that was refused. */
export function OutgoingBubble({ outgoing, first, last }: Grouping & { outgoing: Outgoing }) {
  const { clientId, text, photo, createdAt, state } = outgoing;
  const failed = state === "failed";
  return (
    <li class="message" data-own data-first={first} data-last={last} data-state={state}>
      <div class="bubble" data-bare={photo !== null && text === ""} style={bubbleStyle(photo)}>
        <span class="unseen">{t.chats.you}: </span>
        {photo !== null && (
          <PhotoFrame
            {...photo}
            label={t.message.yourPhoto}
            progress={photo.uploaded || failed ? undefined : (uploads.value.get(clientId) ?? 0)}
          />
        )}
        {text !== "" && <LinkedText text={text} />}
        <span class="meta">
          <time dateTime={new Date(createdAt).toISOString()}>{clock(createdAt, locale)}</time>
          {!failed && <Pending />}
        </span>
      </div>
      {failed && <Refused clientId={clientId} />}
    </li>
  );
}

function Pending() {
  const label = linkTrouble.value === null ? t.message.sending : t.message.waiting;
  return (
    <span class="receipt" title={label}>
      <Icon name="clock" />
      <span class="unseen">{label}</span>
    </span>
  );
}

function Refused({ clientId }: { clientId: string }) {
  const problem = refusals.value.get(clientId);
  return (
    <div class="refused" role="alert">
      <p>
        <Icon name="failed" />
        {t.message.failed}
        {problem !== undefined && `. ${t.problem[problem]}`}
      </p>
      <button type="button" class="text-button" onClick={() => retry(clientId)}>
        {t.message.retry}
      </button>
      <button type="button" class="text-button" onClick={() => discard(clientId)}>
        {t.message.discard}
      </button>
    </div>
  );
}
