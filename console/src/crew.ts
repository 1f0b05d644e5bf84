// A cluster of servers that is to be made: what is typed, what is wrong with it, and what speaks against it.
import type { Template } from "./metal";

export interface Crew {
  name: string;
  servers: string[];
  type: string;
  channel: string;
  description: string;
  cloud: boolean;
  way: "documents" | "template";
  services: unknown;
  application: unknown;
  template: string;
  values: Record<string, string>;
}

export const NOBODY: Crew = { name: "", servers: [], type: "incus", channel: "", description: "", cloud: true, way: "documents", services: null, application: null, template: "", values: {} };

export interface Finding {
  server: string;
  what: string;
  text: string;
}

export interface Foresight {
  possible: boolean;
  findings: Finding[];
  services_config: Record<string, Record<string, unknown>[]>;
  application_seed_config: unknown;
}

const NAME = /^(?!:)[^\\/:*?"<>|\s]{1,255}$/;

export const nameFault = (name: string): string => (!name ? "is required" : NAME.test(name) ? "" : 'must be a name without spaces and \\ / : * ? " < > |');

/** Return what can be told to be wrong without asking, by field. */
export function crewFaults(one: Crew, template: Template | undefined): Record<string, string> {
  const found: Record<string, string> = {
    name: nameFault(one.name),
    server_names: one.servers.length ? "" : "choose one at least",
    cluster_template: one.way === "template" && !one.template ? "choose one" : "",
  };
  if (one.way === "template" && template) for (const [name, why] of Object.entries(valueFaults(template, one.values))) found[`values.${name}`] = why;
  return Object.fromEntries(Object.entries(found).filter(([, why]) => why));
}

type Variable = Template["variables"][string];

/** Return what is wrong with values for a template's variables; what is left empty has its default. */
export function valueFaults(template: Template, values: Record<string, string>): Record<string, string> {
  const found = Object.entries(template.variables).map(([name, one]) => [name, misfit(one, values[name] ?? "")] as const);
  return Object.fromEntries(found.filter(([, why]) => why));
}

const isNeeded = (one: Variable) => one.default === undefined || one.default === null || one.default === "";

function misfit(one: Variable, said: string): string {
  if (!said) return isNeeded(one) ? "is required: it has no default" : "";
  if (one.choices?.length && !one.choices.includes(said)) return `must be one of ${one.choices.join(", ")}`;
  if (one.type === "secret" && said.length < 4) return "must be a text of 4 signs at least";
  if (one.type === "bool") return /^(true|false)$/.test(said) ? "" : "must be true or false";
  const number = one.type === "int" ? /^-?\d+$/.test(said) : one.type === "number" ? Number.isFinite(Number(said)) : null;
  if (number === false) return one.type === "int" ? "must be a whole number" : "must be a number";
  if (one.min !== undefined && Number(said) < one.min) return `must be ${one.min} at least`;
  if (one.max !== undefined && Number(said) > one.max) return `must be ${one.max} at most`;
  return "";
}

/** Return the body of the request, as it is for a preview; what only making takes is added by `made`. */
export function crewBody(one: Crew): Record<string, unknown> {
  const plain = { name: one.name, server_names: one.servers, server_type: one.type, ...(one.channel && { channel: one.channel }) };
  if (one.way === "template") {
    const values = Object.fromEntries(Object.entries(one.values).filter(([, said]) => said !== ""));
    return { ...plain, cluster_template: one.template, cluster_template_variable_values: values };
  }
  return { ...plain, ...(one.services ? { services_config: one.services } : {}), ...(one.application ? { application_seed_config: one.application } : {}) };
}

export const crewMade = (one: Crew): Record<string, unknown> => ({ ...crewBody(one), ...(one.description && { description: one.description }), ...(!one.cloud && { config: { cloud: false } }) });

/** Return the field of the form that a finding is about. */
export function fieldOf(one: Finding): string {
  if (one.server) return "server_names";
  const document = /^(services_config|application_seed_config)\b/.exec(one.text)?.[1];
  return document ?? "";
}

/** Return findings by the fields that they are about, several of one field in a row. */
export function byField(findings: Finding[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const one of findings) {
    const field = fieldOf(one);
    const said = one.server ? `${one.server}: ${one.text}` : one.text;
    found[field] = found[field] ? `${found[field]}; ${said}` : said;
  }
  return found;
}
