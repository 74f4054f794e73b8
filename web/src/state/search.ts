/** Finding people by name, while the person types. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { findPeople, openDirectChat } from "../api/documents";
import { request } from "../api/graphql";
import { type ProblemCode, toProblem } from "../api/problem";
import type { Person } from "../domain/model";
import { openChat } from "./route";

/** A pause in typing of this length starts the search. */
const typingPause = 220;
/** The server finds nobody by less. */
const shortest = 2;

export type SearchView =
  | { readonly state: "idle" | "searching" }
  | { readonly state: "found"; readonly people: readonly Person[] }
  | { readonly state: "failed"; readonly problem: ProblemCode };

const current = signal<SearchView>({ state: "idle" });

/** What is being looked for; the search field writes it. */
export const searched = signal("");

/** How the search stands. */
export const search: ReadonlySignal<SearchView> = current;

/** Searches whenever the field changes, until the returned function is called. */
export function followSearch(userId: string): () => void {
  const stop = effect(() => {
    const name = searched.value.trim();
    if (name.replace(/^@/, "").length < shortest) {
      current.value = { state: "idle" };
      return undefined;
    }
    let stale = false;
    const timer = setTimeout(async () => {
      current.value = { state: "searching" };
      const result = await find(name, userId);
      if (!stale) current.value = result;
    }, typingPause);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  });
  return () => {
    stop();
    searched.value = "";
    current.value = { state: "idle" };
  };
}

/** Opens the direct chat with a person. */
export async function writeTo(person: Person): Promise<void> {
  try {
    openChat(await request(openDirectChat, { userId: person.id }));
    searched.value = "";
  } catch (error) {
    current.value = { state: "failed", problem: toProblem(error).code };
  }
}

async function find(name: string, userId: string): Promise<SearchView> {
  try {
    const found = await request(findPeople, { query: name });
    const people = found.filter((person) => person.id !== userId);
    return { state: "found", people };
  } catch (error) {
    return { state: "failed", problem: toProblem(error).code };
  }
}
