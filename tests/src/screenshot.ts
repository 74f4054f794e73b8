/** Makes the picture of the README from the real thing: two people who talk, with a photo. */

import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { Server } from "./server.js";
import { ChatWindow, photo } from "./window.js";

const target = resolve("../docs/screenshot.png");

const server = await Server.start();
const anna = await ChatWindow.open(server.address);
const others = ["Clara Weiss", "Дмитрий Орлов", "Emre Yıldız"];
for (const [index, name] of others.entries()) {
  const other = await ChatWindow.open(server.address);
  await other.signUp(name, `person-${index}@example.org`);
  await other.close();
}
await anna.signUp("Anna Petrova", "anna@example.org");
const boris = await ChatWindow.open(server.address);
await boris.signUp("Boris Ivanov", "boris@example.org");

const lines = ["See you at the concert!", "Спасибо, до завтра 👋", "The report is in your inbox."];
for (const [index, name] of others.entries()) {
  await anna.writeTo(name.slice(0, 4), name);
  await anna.write(lines[index] ?? "");
  await anna
    .message(lines[index] ?? "")
    .getByText("Sent")
    .waitFor({ state: "attached" });
}

const say = async (from: ChatWindow, to: ChatWindow, text: string) => {
  await from.write(text);
  await to.sees(text);
};
await anna.writeTo("Boris", "Boris Ivanov");
await anna.write("Hi Boris! Are we still on for the mountains this weekend?");
await boris.openChat("Anna Petrova");
await boris.sees("Hi Boris!");
await say(boris, anna, "Of course! I have packed everything, and the forecast looks great 😊");
await anna.attach(photo);
await say(anna, boris, "This is what it looked like last year.");
await boris.photoWidth();
await say(boris, anna, "Wow, what a light!");
await say(anna, boris, "Let us meet at seven, at the station.\nDo not forget the thermos 🙂");
await anna.message("Let us meet").getByText("Read", { exact: true }).waitFor({ state: "attached" });
await anna.page.waitForTimeout(500);

await mkdir(resolve(target, ".."), { recursive: true });
await anna.page.screenshot({ path: target, animations: "disabled" });
await anna.close();
await boris.close();
await server.remove();
process.exit(0);
