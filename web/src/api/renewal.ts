/** Renewing the session when the server no longer takes an access token that should still be good. */

import { FetchError } from "@nhost/nhost-js/fetch";
import { nhost } from "./nhost";

/** Gets a new access token, or ends a session that is over. Says whether there is a new token. */
export async function renewSession(): Promise<boolean> {
  const before = nhost.getUserSession();
  const session = await nhost.refreshSession(0);
  if (session === null || session.accessToken !== before?.accessToken) return session !== null;
  // The SDK keeps a session whose renewal failed until its token has expired by the clock of this device.
  const { refreshToken } = session;
  try {
    await nhost.auth.refreshToken({ refreshToken });
    return true;
  } catch (error) {
    const isOver = error instanceof FetchError && error.status === 401;
    // Another window may have renewed it meanwhile.
    const isPresent = nhost.getUserSession()?.refreshToken === refreshToken;
    if (isOver && isPresent) nhost.clearSession();
    return false;
  }
}
