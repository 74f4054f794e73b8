import { t } from "../../i18n";
import { photoView } from "../../state/photos";
import { viewedPhoto } from "../../state/viewer";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";

/** A photo over the whole window. */
export function PhotoViewer({ fileId }: { fileId: string }) {
  const view = photoView(fileId).value;
  const onClose = () => {
    viewedPhoto.value = null;
  };
  if (view.state !== "ready") return null;
  return (
    <Dialog label={t.photo.viewer} class="photo-viewer" onClose={onClose}>
      {(close) => (
        <>
          <div class="photo-viewer-tools">
            <a class="round-button" href={view.url} download="photo" aria-label={t.photo.download}>
              <Icon name="download" />
            </a>
            <button type="button" class="round-button" aria-label={t.photo.close} onClick={close}>
              <Icon name="close" />
            </button>
          </div>
          <img src={view.url} alt={t.photo.viewer} />
        </>
      )}
    </Dialog>
  );
}
