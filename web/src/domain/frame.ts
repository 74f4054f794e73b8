/** The place that a photo takes in a conversation, known before its bytes are there. Pure. */

const widest = 340;
const tallest = 420;
const smallest = 120;

export interface Frame {
  readonly width: number;
  readonly height: number;
}

/** Fits a picture into the bubble, its proportions kept; of an unknown size a common one is assumed. */
export function frameFor(size: { width?: number | undefined; height?: number | undefined }): Frame {
  const width = size.width ?? 0;
  const height = size.height ?? 0;
  if (width <= 0 || height <= 0) return { width: 300, height: 225 };
  const scale = Math.min(widest / width, tallest / height, 1);
  return {
    width: Math.max(smallest, Math.round(width * scale)),
    height: Math.max(smallest, Math.round(height * scale)),
  };
}

/** Words under a narrow photo have at least this much room. */
const narrowestWords = 220;

/** The widest that the bubble of a photo may be, so that its words stand under it and not beside it. */
export function bubbleWidthFor(frame: Frame): number {
  return Math.max(frame.width, narrowestWords);
}
