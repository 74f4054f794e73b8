import { userId } from "../state/session";
import { AccountPage } from "./account/AccountPage";
import { Messenger } from "./Messenger";

/** Who is not signed in sees the account page, everybody else the messenger. */
export function App() {
  return userId.value === null ? <AccountPage /> : <Messenger userId={userId.value} />;
}
