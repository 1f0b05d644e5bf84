// Documents that people write as YAML, of which JSON is a part. What reads them is fetched when first needed.

export type Shape = "object" | "list" | "any";

export interface Document {
  value: unknown; // null where it cannot be used
  wrong: string;
}

const NOTHING: Document = { value: null, wrong: "" };
const MUST: Record<Shape, string> = { object: "must be keys with values, such as lvm: {enabled: true}", list: "must be a list", any: "" };

/** Return what a text says, or where it is no YAML; an empty one says nothing. */
export async function documentOf(text: string, shape: Shape = "object"): Promise<Document> {
  if (!text.trim()) return NOTHING;
  const { parseDocument } = await import("yaml");
  const read = parseDocument(text, { prettyErrors: true });
  const [error] = read.errors;
  if (error) return { value: null, wrong: `is not YAML: ${error.message.split("\n")[0]?.replace(/:$/, "")}` };
  try {
    const value: unknown = read.toJS({ maxAliasCount: 100 });
    return fits(value, shape) ? { value, wrong: "" } : { value: null, wrong: MUST[shape] };
  } catch (error) {
    return { value: null, wrong: `cannot be used: ${(error as Error).message}` };
  }
}

function fits(value: unknown, shape: Shape): boolean {
  if (shape === "any") return true;
  if (shape === "list") return Array.isArray(value);
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
