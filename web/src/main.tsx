import { render } from "preact";
import { language, t } from "./i18n";
import { startFollowing } from "./state/lifecycle";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/account.css";
import "./styles/sidebar.css";
import "./styles/conversation.css";
import "./styles/message.css";
import "./styles/composer.css";
import "./styles/overlays.css";
import { App } from "./ui/App";

document.documentElement.lang = language;
document.title = t.appName;
startFollowing();

const root = document.getElementById("root");
if (root !== null) render(<App />, root);
