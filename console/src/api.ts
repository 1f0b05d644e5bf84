// Requests to Muster's API. Who asks is known by a cookie that this script cannot read.
import type { Plan } from "./types";

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly type: string,
    readonly fields: Record<string, string>,
    readonly whole: unknown = null, // the answer itself
  ) {
    super(message);
  }
}

let onStranger = () => {};

/** Have `told` called whenever the service says that it does not know who is asking. */
export function whenSignedOut(told: () => void) {
  onStranger = told;
}

/** Return the answer; a body that is a text is sent as it stands. With an ETag, it is refused if that is not what is there. */
export async function ask<T>(method: string, path: string, body?: unknown, etag = ""): Promise<T> {
  return (await answered<T>(method, path, body, etag)).value;
}

async function answered<T>(method: string, path: string, body?: unknown, etag = "") {
  const answer = await sent(method, path, body, etag);
  const text = await answer.text();
  if (answer.ok) return { value: (text ? JSON.parse(text) : null) as T, etag: answer.headers.get("etag") ?? "" };
  if (answer.status === 401 && path !== "/v1/session") onStranger();
  throw refusal(answer.status, text);
}

export const get = <T>(path: string) => ask<T>("GET", path);

/** Return what an answer of /1.0 has inside its envelope. */
export const inside = async <T>(path: string): Promise<T> => (await get<{ metadata: T }>(path)).metadata;

export interface Held<T> {
  value: T;
  etag: string; // with which a change is refused where somebody else was faster
}

/** Return what an answer of /1.0 has inside its envelope, to be changed. */
export async function held<T>(path: string): Promise<Held<T>> {
  const { value, etag } = await answered<{ metadata: T }>("GET", path);
  return { value: value.metadata, etag };
}

/** Whether something was refused because it is another by now than it was when it was read. */
export const isStale = (error: unknown): boolean => error instanceof Refused && error.status === 412;

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

// What belongs to the clustering API alone: asked for in its newest form.
const CLUSTERING = /^\/v1\/(profiles|profile-types|policies|policy-types|nodes|receivers|actions)\b/;
const NEWEST = "clustering 1.14";

async function sent(method: string, path: string, body?: unknown, etag = ""): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (CLUSTERING.test(path)) headers["openstack-api-version"] = NEWEST;
  if (etag) headers["if-match"] = etag;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  } catch {
    throw new Refused(0, "Muster does not answer. What is shown may be old.", "unreachable", {});
  }
}

interface Told {
  error: string | { message: string; type: string; errors?: { field: string; message: string }[] };
  metadata?: { errors?: { field: string; message: string }[] } | null;
}

/** Read what an answer that is an error says of itself: in an object, or in the envelope of /1.0. */
export function refusal(status: number, text: string): Refused {
  try {
    const said = JSON.parse(text) as Told;
    const error = typeof said.error === "string" ? { message: said.error, type: "", errors: said.metadata?.errors } : said.error;
    const fields = Object.fromEntries((error.errors ?? []).map((each) => [each.field, each.message]));
    return new Refused(status, error.message, error.type, fields, said);
  } catch {
    return new Refused(status, `Muster answered ${status}`, "unreadable", {});
  }
}
