// The form of a new cluster: what is typed, what is wrong with it, and the same in other words.

export interface Draft {
  name: string;
  cloud: string;
  image: string;
  flavor: string;
  min_size: string;
  max_size: string;
  desired_size: string;
  port: string;
  protocol: string;
  health_path: string;
  backend_network: string;
  keypair: string;
  dns_name: string;
  scale_out_threshold: string; // in percent
  scale_in_threshold: string;
  create_bastion: boolean;
  drain_seconds: string;
}

export const EMPTY: Draft = {
  name: "",
  cloud: "",
  image: "",
  flavor: "",
  min_size: "2",
  max_size: "6",
  desired_size: "",
  port: "",
  protocol: "",
  health_path: "",
  backend_network: "",
  keypair: "",
  dns_name: "",
  scale_out_threshold: "70",
  scale_in_threshold: "20",
  create_bastion: false,
  drain_seconds: "",
};

const LABEL = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const DOMAIN = /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const WHOLE = /^\d{1,6}$/;
const NUMBER = /^\d{1,3}([.,]\d{1,2})?$/;

/** Return a percentage as the share that the API takes. */
export const share = (said: string) => Math.round(Number(said.replace(",", ".")) * 100) / 10000;

function outside(said: string, low: number, high: number): string | undefined {
  if (!WHOLE.test(said)) return "must be a whole number";
  const value = Number(said);
  return value < low || value > high ? `must be from ${low} to ${high}` : undefined;
}

/** Return what is wrong with a draft, by field, before anybody is asked. */
export function faults(draft: Draft): Record<string, string> {
  const found: Record<string, string | undefined> = {
    name: draft.name === "" ? "is required" : LABEL.test(draft.name) ? undefined : "letters, digits and '-', up to 63, not '-' at either end",
    image: draft.image ? undefined : "is required",
    flavor: draft.flavor ? undefined : "is required",
    min_size: outside(draft.min_size, 0, 100000),
    max_size: outside(draft.max_size, 0, 100000),
    desired_size: draft.desired_size ? outside(draft.desired_size, 0, 100000) : undefined,
    port: draft.port ? outside(draft.port, 1, 65535) : undefined,
    drain_seconds: draft.drain_seconds ? outside(draft.drain_seconds, 0, 86400) : undefined,
    health_path: draft.health_path && !/^\/[!-~]*$/.test(draft.health_path) ? "must be a path such as /health" : undefined,
    dns_name: draft.dns_name && !DOMAIN.test(draft.dns_name) ? "must be a domain name such as web.example.org" : undefined,
    keypair: draft.create_bastion && !draft.keypair ? "is needed for a bastion" : undefined,
  };
  Object.assign(found, sizes(draft, found), thresholds(draft.scale_out_threshold, draft.scale_in_threshold));
  return told(found);
}

const told = (found: Record<string, string | undefined>) => Object.fromEntries(Object.entries(found).filter((each): each is [string, string] => !!each[1]));

type Sizes = Pick<Draft, "min_size" | "max_size" | "desired_size">;

/** Return what is wrong with sizes together, of which each by itself is in order. */
function sizes(said: Sizes, found: Record<string, string | undefined>): Record<string, string> {
  const wrong: Record<string, string> = {};
  const unbounded = said.max_size === "-1"; // as a cluster without a maximum is shown
  if (!found.min_size && !found.max_size && !unbounded && Number(said.min_size) > Number(said.max_size)) wrong.min_size = `must be at most the maximum (${said.max_size})`;
  if (!found.desired_size && !found.min_size && !wrong.min_size && said.desired_size) {
    const desired = Number(said.desired_size);
    if (desired < Number(said.min_size) || (!unbounded && desired > Number(said.max_size))) wrong.desired_size = "must be from the minimum to the maximum";
  }
  return wrong;
}

/** Return what is wrong with a change of a cluster's sizes and thresholds, by field. */
export function changeFaults(said: Sizes & Pick<Draft, "scale_out_threshold" | "scale_in_threshold">): Record<string, string> {
  const found: Record<string, string | undefined> = {
    min_size: outside(said.min_size, 0, 100000),
    max_size: said.max_size === "-1" ? undefined : outside(said.max_size, 0, 100000),
    desired_size: outside(said.desired_size, 0, 100000),
  };
  Object.assign(found, sizes(said, found), thresholds(said.scale_out_threshold, said.scale_in_threshold));
  if (said.scale_out_threshold && !said.scale_in_threshold) found.scale_in_threshold = "is needed with the other: give both or none";
  if (said.scale_in_threshold && !said.scale_out_threshold) found.scale_out_threshold = "is needed with the other: give both or none";
  return told(found);
}

function thresholds(out: string, into: string): Record<string, string> {
  const found: Record<string, string> = {};
  if (out && (!NUMBER.test(out) || share(out) <= 0 || share(out) > 1)) found.scale_out_threshold = "must be more than 0 and at most 100";
  if (into && (!NUMBER.test(into) || share(into) > 1)) found.scale_in_threshold = "must be from 0 to 100";
  else if (out && into && !found.scale_out_threshold && share(into) >= share(out))
    found.scale_in_threshold = "must be less than the threshold that adds";
  return found;
}

export type Body = Record<string, string | number | boolean>;

/** Return the body of the request: the contract's fields, those left empty left out. */
export function body(draft: Draft): Body {
  const made: Body = {};
  for (const [name, said] of Object.entries(draft) as [keyof Draft, string | boolean][]) {
    if (said === "" || said === false) continue;
    if (name === "scale_out_threshold" || name === "scale_in_threshold") made[name] = share(String(said));
    else if (["min_size", "max_size", "desired_size", "port", "drain_seconds"].includes(name)) made[name] = Number(said);
    else made[name] = said;
  }
  return made;
}

const OPTIONS: Record<string, string> = {
  image: "--image",
  flavor: "--flavor",
  min_size: "--min",
  max_size: "--max",
  desired_size: "--size",
  port: "--port",
  protocol: "--protocol",
  health_path: "--health-path",
  backend_network: "--network",
  keypair: "--keypair",
  dns_name: "--dns-name",
  scale_out_threshold: "--scale-out-threshold",
  scale_in_threshold: "--scale-in-threshold",
  cloud: "--cloud",
};

/** Return a word as a shell reads it back. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Return the command that does the same, or a file for it where it has no option for a field. */
export function asCommand(made: Body): string {
  if ("drain_seconds" in made) return `muster cluster create --wait --file - <<'END'\n${asYaml(made)}END`;
  const words = ["muster", "cluster", "create", quoted(String(made.name ?? "NAME"))];
  for (const [field, option] of Object.entries(OPTIONS)) {
    if (made[field] !== undefined) words.push(option, quoted(String(made[field])));
  }
  if (made.create_bastion) words.push("--bastion");
  return [...words, "--wait"].join(" ");
}

export function asCurl(made: Body, where: string): string {
  return `curl -X POST ${quoted(`${where}/v1/clusters`)} -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(made))}`;
}

export function asYaml(made: Body): string {
  return Object.entries(made).map(([name, value]) => `${name}: ${typeof value === "string" ? JSON.stringify(value) : value}\n`).join("");
}
