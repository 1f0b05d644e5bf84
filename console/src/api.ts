// Requests to Muster's API. Who asks is known by a cookie that this script cannot read.
import type { Plan } from "./types";

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly type: string,
    readonly fields: Record<string, string>,
  ) {
    super(message);
  }
}

let onStranger = () => {};

/** Have `told` called whenever the service says that it does not know who is asking. */
export function whenSignedOut(told: () => void) {
  onStranger = told;
}

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await sent(method, path, body);
  const text = await answer.text();
  if (answer.ok) return (text ? JSON.parse(text) : null) as T;
  if (answer.status === 401 && path !== "/v1/session") onStranger();
  throw refusal(answer.status, text);
}

export const get = <T>(path: string) => ask<T>("GET", path);

/** Return what a request would do, without doing it. */
export async function foretold(method: string, path: string, body?: unknown): Promise<Plan> {
  return (await ask<{ plan: Plan }>(method, withQuery(path, { plan: "true" }), body)).plan;
}

export function withQuery(path: string, said: Record<string, string>): string {
  const query = new URLSearchParams(said).toString();
  return path + (path.includes("?") ? "&" : "?") + query;
}

export async function textOf(path: string): Promise<string> {
  const answer = await sent("GET", path);
  const text = await answer.text();
  if (answer.ok) return text;
  throw refusal(answer.status, text);
}

async function sent(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused(0, "Muster does not answer. What is shown may be old.", "unreachable", {});
  }
}

/** Read what an answer that is an error says of itself. */
export function refusal(status: number, text: string): Refused {
  try {
    const { error } = JSON.parse(text) as { error: { message: string; type: string; errors?: { field: string; message: string }[] } };
    const fields = Object.fromEntries((error.errors ?? []).map((each) => [each.field, each.message]));
    return new Refused(status, error.message, error.type, fields);
  } catch {
    return new Refused(status, `Muster answered ${status}`, "unreadable", {});
  }
}
