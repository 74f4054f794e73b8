/** Keeps photos that wait to be uploaded over a reload. They are too large for local storage, so IndexedDB has them. */

const database = "brainmessenger";
const store = "unsent-photos";

/** Of this visit; what an earlier visit kept is in the database alone. */
const inMemory = new Map<string, Blob>();

/** Keeps a photo. Where the browser offers no database it lives until the next reload. */
export async function keepPhoto(fileId: string, content: Blob): Promise<void> {
  inMemory.set(fileId, content);
  await withStore("readwrite", (photos) => photos.put(content, fileId)).catch(() => undefined);
}

/** A photo kept earlier, or null. */
export async function keptPhoto(fileId: string): Promise<Blob | null> {
  const content = inMemory.get(fileId);
  if (content !== undefined) return content;
  const found = await withStore("readonly", (photos) => photos.get(fileId)).catch(() => null);
  return found instanceof Blob ? found : null;
}

/** Forgets a photo. */
export async function forgetPhoto(fileId: string): Promise<void> {
  inMemory.delete(fileId);
  await withStore("readwrite", (photos) => photos.delete(fileId)).catch(() => undefined);
}

async function withStore<T>(
  mode: IDBTransactionMode,
  use: (photos: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opened = await open();
  try {
    return await settled(use(opened.transaction(store, mode).objectStore(store)));
  } finally {
    opened.close();
  }
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(store);
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
