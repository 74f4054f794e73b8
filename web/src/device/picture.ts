/** A picture that the person chose, pasted or dropped, checked to be one that can be shown. */

export interface Picture {
  readonly content: Blob;
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** Decodes the file to learn its size; null when it is not a picture that this browser can show. */
export async function readPicture(file: File): Promise<Picture | null> {
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    bitmap.close();
    return { content: file, name: file.name || "photo", width, height };
  } catch {
    return null;
  }
}

/** The first file of a paste or a drop. */
export function fileIn(transfer: DataTransfer | null): File | null {
  return transfer?.files[0] ?? null;
}
