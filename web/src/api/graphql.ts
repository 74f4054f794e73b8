/** Queries and mutations: one request, one answer, or a `Problem`. */

import { FetchError } from "@nhost/nhost-js/fetch";
import type { Operation } from "./documents";
import { nhost } from "./nhost";
import { Problem, toProblem } from "./problem";
import { renewSession } from "./renewal";

/** Runs a query or a mutation as the signed-in person. */
export async function request<Data, Variables extends Record<string, unknown>>(
  operation: Operation<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  try {
    return await requestOnce(operation, variables);
  } catch (error) {
    const problem = toProblem(error);
    if (problem.code !== "signedOut") throw problem;
  }
  if (!(await renewSession())) throw new Problem("signedOut");
  return requestOnce(operation, variables).catch((error: unknown) => {
    throw toProblem(error);
  });
}

async function requestOnce<Data, Variables extends Record<string, unknown>>(
  operation: Operation<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const { query, read } = operation;
  const { body, status, headers } = await nhost.graphql.request({ query, variables });
  // The SDK takes an answer without `errors` for a success, whatever its status.
  if (body.data === undefined) throw new FetchError(body, status, headers);
  return read(body.data);
}
