/** Photos: stored in and fetched from Storage. */

import {
  attachAccessTokenMiddleware,
  type ChainFunction,
  sessionRefreshMiddleware,
} from "@nhost/nhost-js/fetch";
import { createAPIClient } from "@nhost/nhost-js/storage";
import { nhost } from "./nhost";
import { Problem, toProblem } from "./problem";

/** Where the attachments of messages live. */
const bucket = "messages";

/** An upload in which nothing moves for this long has failed; so has a download that takes longer in all. */
const stalledAfter = 30_000;
const downloadWithin = 120_000;

export interface Upload {
  /** The file's id, chosen by the caller: an upload that is repeated makes no second file. */
  readonly id: string;
  readonly name: string;
  readonly content: Blob;
  readonly width: number;
  readonly height: number;
}

/** Stores a photo. `onProgress` is told the part that has been sent, 0 … 1. */
export async function uploadPhoto(
  upload: Upload,
  onProgress: (part: number) => void,
): Promise<void> {
  const { id, name, content, width, height } = upload;
  const storage = createAPIClient(nhost.storage.baseURL, [
    sessionRefreshMiddleware(nhost.auth, nhost.sessionStorage),
    attachAccessTokenMiddleware(nhost.sessionStorage),
    withProgress(onProgress),
  ]);
  try {
    await storage.uploadFiles({
      "bucket-id": bucket,
      "metadata[]": [{ id, name, metadata: { width, height } }],
      "file[]": [content],
    });
  } catch (error) {
    const problem = toProblem(error);
    if (problem.passing || !(await isStored(id))) throw problem;
  }
}

/** Fetches a stored photo. */
export async function fetchPhoto(id: string): Promise<Blob> {
  try {
    const signal = AbortSignal.timeout(downloadWithin);
    return (await nhost.storage.getFile(id, undefined, { signal })).body;
  } catch (error) {
    throw toProblem(error);
  }
}

/** Whether an earlier try did arrive although its answer did not. */
async function isStored(id: string): Promise<boolean> {
  try {
    await nhost.storage.getFileMetadataHeaders(id);
    return true;
  } catch {
    return false;
  }
}

/** `fetch` does not tell how far an upload is; `XMLHttpRequest` does. */
function withProgress(onProgress: (part: number) => void): ChainFunction {
  return () => (url, options) =>
    new Promise((resolve, reject) => {
      const call = new XMLHttpRequest();
      let stalled: ReturnType<typeof setTimeout> | undefined;
      const moving = () => {
        clearTimeout(stalled);
        stalled = setTimeout(() => call.abort(), stalledAfter);
      };
      call.upload.onprogress = (event) => {
        moving();
        if (event.lengthComputable) onProgress(event.loaded / event.total);
      };
      call.onload = () => resolve(new Response(call.responseText || null, { status: call.status }));
      call.onerror = () => reject(new Problem("offline"));
      call.onabort = () => reject(new Problem("offline"));
      call.onloadend = () => clearTimeout(stalled);
      call.open(options?.method ?? "GET", url);
      new Headers(options?.headers).forEach((value, name) => {
        call.setRequestHeader(name, value);
      });
      moving();
      call.send(options?.body as XMLHttpRequestBodyInit);
    });
}
