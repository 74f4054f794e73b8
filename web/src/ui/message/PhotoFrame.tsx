import { useEffect, useRef } from "preact/hooks";
import { bubbleWidthFor, frameFor } from "../../domain/frame";
import { t } from "../../i18n";
import { loadPhoto, photoView } from "../../state/photos";
import { viewedPhoto } from "../../state/viewer";
import { Icon } from "../parts/Icon";

interface Props {
  fileId: string;
  width?: number;
  height?: number;
  label: string;
  /** The part that is uploaded, 0 … 1, while it is. */
  progress?: number | undefined;
}

/** A photo in a message. Its place is there from the start; its bytes come when it comes into view. */
export function PhotoFrame({ fileId, width, height, label, progress }: Props) {
  const place = useRef<HTMLButtonElement>(null);
  const view = photoView(fileId).value;
  const frame = frameFor({ width, height });

  useEffect(() => {
    const near = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void loadPhoto(fileId);
      },
      { rootMargin: "400px" },
    );
    if (place.current !== null) near.observe(place.current);
    return () => near.disconnect();
  }, [fileId]);

  const onClick = () => {
    if (view.state === "ready") viewedPhoto.value = fileId;
    else void loadPhoto(fileId);
  };
  return (
    <button
      type="button"
      class="photo"
      ref={place}
      data-state={view.state}
      style={{ width: `${frame.width}px`, aspectRatio: `${frame.width} / ${frame.height}` }}
      aria-label={view.state === "broken" ? t.message.photoBroken : t.message.openPhoto}
      onClick={onClick}
    >
      {view.state === "ready" && <img src={view.url} alt={label} />}
      {view.state === "broken" && (
        <span class="photo-broken">
          <Icon name="brokenPhoto" />
          {t.message.photoBroken}
        </span>
      )}
      {progress !== undefined && (
        <progress
          max={1}
          value={progress}
          aria-label={t.message.uploaded(Math.round(progress * 100))}
        />
      )}
    </button>
  );
}

/** What a bubble is told about its photo. */
export function bubbleStyle(photo: { width?: number; height?: number } | null) {
  return photo === null ? {} : { "--photo-width": `${bubbleWidthFor(frameFor(photo))}px` };
}
