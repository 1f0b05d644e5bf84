// What a profile or policy says: as text for people, and as a form made of its type's schema.

export type Value = unknown;
export type Fields = Record<string, Value>; // a JSON object

const PLAIN = /^[A-Za-z_./@][\w ./@:+$-]*$/;
const TAKEN = /^(true|false|yes|no|on|off|null|~)$/i;

function scalar(value: Value): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  const plain = PLAIN.test(value) && !TAKEN.test(value) && !value.endsWith(" ") && !/: |:$| #/.test(value);
  return plain ? value : JSON.stringify(value);
}

/** Return a value as YAML, keys in their order. */
export function yaml(value: Value, indent = ""): string {
  if (Array.isArray(value)) {
    return value.map((each) => `${indent}- ${isNested(each) ? yaml(each, `${indent}  `).trimStart() : `${leaf(each, indent)}\n`}`).join("");
  }
  if (!isNested(value)) return `${indent}${leaf(value, indent)}\n`;
  const lines = Object.entries(value as Fields).map(([key, each]) =>
    isNested(each) ? `${indent}${scalar(key)}:\n${yaml(each, `${indent}  `)}` : `${indent}${scalar(key)}: ${leaf(each, indent)}\n`,
  );
  return lines.join("");
}

const isNested = (value: Value): value is object => typeof value === "object" && value !== null && Object.keys(value).length > 0;

function leaf(value: Value, indent: string): string {
  if (typeof value === "string" && /\n/.test(value) && !/^\s|[\t\r]/.test(value)) {
    const lines = value.replace(/\n$/, "").split("\n").map((line) => (line ? `${indent}  ${line}` : ""));
    if (!/\n\n$/.test(value)) return `|${value.endsWith("\n") ? "" : "-"}\n${lines.join("\n")}`;
  }
  if (Array.isArray(value)) return "[]";
  return typeof value === "object" && value !== null ? "{}" : scalar(value);
}

export interface Schema {
  type: string;
  required?: boolean;
  description?: string;
  default?: Value;
  constraints?: { type: string; constraint: Value }[];
  schema?: Record<string, Schema>;
}

export interface Property {
  path: string[];
  type: string;
  required: boolean;
  about: string;
  fallback: Value;
  choices: string[];
  inList: boolean; // an item of a list, which a form has no single field for
}

const LIST = "List";
const MAP = "Map";

/** Return all properties of a schema in a row; those of a list's items have "*" in their path. */
export function properties(schema: Record<string, Schema>, above: string[] = []): Property[] {
  return Object.entries(schema).flatMap(([name, one]) => {
    const path = [...above, name];
    const allowed = one.constraints?.find((each) => each.type === "AllowedValues")?.constraint;
    const own: Property = {
      path,
      type: one.type,
      required: one.required ?? false,
      about: one.description ?? "",
      fallback: one.default,
      choices: Array.isArray(allowed) ? allowed.map(String) : [],
      inList: path.includes("*"),
    };
    return [...(name === "*" && one.schema ? [] : [own]), ...properties(one.schema ?? {}, path)];
  });
}

export const isField = (one: Property) => !one.inList && one.type !== MAP && one.type !== LIST && one.path.length <= 2;

/** Return the least that a type has to be told: what is required, with what it takes. */
export function skeleton(schema: Record<string, Schema>): Fields {
  const needed = Object.entries(schema).filter(([name, one]) => one.required && name !== "*");
  return Object.fromEntries(needed.map(([name, one]) => [name, beginning(one)]));
}

function beginning(one: Schema): Value {
  const [own] = properties({ own: { ...one, schema: undefined } });
  if (one.default !== undefined) return one.default;
  if (own?.choices[0] !== undefined) return own.choices[0];
  if (one.type === MAP) return skeleton(one.schema ?? {});
  if (one.type === LIST) return one.schema?.["*"] ? [beginning(one.schema["*"])] : [];
  return one.type === "Boolean" ? false : one.type === "Integer" || one.type === "Number" ? 1 : "";
}

export interface Said {
  spec: Fields | null;
  wrong: string;
}

export function valueAt(spec: Fields | null, path: string[]): Value {
  let now: Value = spec?.properties;
  for (const name of path) now = typeof now === "object" && now !== null ? (now as Fields)[name] : undefined;
  return now;
}

/** Return a specification in which a property is what a field says; an empty field takes it out. */
export function told(spec: Fields, one: Property, said: string): Fields {
  const numeric = one.type === "Integer" || one.type === "Number";
  const number = numeric && said.trim() !== "" && Number.isFinite(Number(said));
  const value = said === "" ? undefined : one.type === "Boolean" ? said === "true" : number ? Number(said) : said;
  return { ...spec, properties: put((spec.properties ?? {}) as Fields, one.path, value) };
}

function put(into: Fields, [name = "", ...rest]: string[], value: Value): Fields {
  const { [name]: before, ...others } = into;
  if (rest.length === 0) return value === undefined ? others : { ...into, [name]: value };
  const inner = put((typeof before === "object" && before !== null ? before : {}) as Fields, rest, value);
  return Object.keys(inner).length ? { ...into, [name]: inner } : others;
}

/** Return the properties that a refusal names, for it says them in quotes and not apart. */
export function blamed(message: string, all: Property[]): Property[] {
  const names = new Set([...message.matchAll(/['"`]([\w.*-]+)['"`]/g)].map((each) => each[1]));
  return all.filter((one) => names.has(one.path.at(-1)) || names.has(one.path.join(".")));
}
