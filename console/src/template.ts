// A template of clusters of servers as it is typed: two documents with places, and the variables of those.
import type { Template } from "./metal";
import { nameFault } from "./crew";

export interface Typed {
  name: string;
  description: string;
  services: string;
  application: string;
  variables: unknown; // as read from YAML: {NAME: {description, default, …}}
}

const PLACE = /@@|@([A-Za-z0-9_]+)@/g;

/** Return the names that have a place in a document; a plain @ is written @@. */
export function places(text: string): string[] {
  return [...new Set([...text.matchAll(PLACE)].flatMap((found) => (found[1] ? [found[1]] : [])))];
}

/** Return what can be told to be wrong with a template without asking, by field. */
export function templateFaults(one: Typed): Record<string, string> {
  const known = Object.keys((one.variables as Record<string, unknown> | null) ?? {});
  const stranger = (text: string) => places(text).find((name) => !known.includes(name));
  const used = new Set([...places(one.services), ...places(one.application)]);
  const idle = known.find((name) => !used.has(name));
  const word = (name: string | undefined) => (name ? `has @${name}@, which is no variable; a plain @ is written @@` : "");
  const found = {
    name: nameFault(one.name),
    service_config_template: word(stranger(one.services)),
    application_config_template: word(stranger(one.application)),
    variables: idle ? `${idle} is in neither of the documents` : "",
  };
  return Object.fromEntries(Object.entries(found).filter(([, why]) => why));
}

/** Return the variables that documents ask for and that are not said yet, to begin with. */
export function lacking(one: Typed): Record<string, unknown> {
  const known = (one.variables as Record<string, unknown> | null) ?? {};
  const names = [...new Set([...places(one.services), ...places(one.application)])];
  return Object.fromEntries(names.filter((name) => !(name in known)).map((name) => [name, { description: "" }]));
}

export const templateBody = (one: Typed) => ({ name: one.name, description: one.description, service_config_template: one.services, application_config_template: one.application, variables: one.variables ?? {} });

export const typed = (one: Template): Typed => ({ name: one.name, description: one.description, services: one.service_config_template, application: one.application_config_template, variables: one.variables });
