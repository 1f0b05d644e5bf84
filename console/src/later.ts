// Pages that are fetched when somebody first goes to them.
import type { Component } from "svelte";

type Loaded = Promise<{ default: Component<Record<string, string>> }>;

export interface Found {
  title: string;
  given: Record<string, string>;
  load: () => Loaded;
}

type Row = [path: string, title: string, load: () => Promise<{ default: unknown }>];

const ROWS: Row[] = [
  ["/vclusters", "Virtual clusters", () => import("./pages/VClusters.svelte")],
  ["/vclusters/new", "Plan a virtual cluster", () => import("./pages/PlanVCluster.svelte")],
  ["/vclusters/{id}", "Virtual cluster", () => import("./pages/VCluster.svelte")],
  ["/vclusters/{id}/edit", "Change a virtual cluster", () => import("./pages/EditVCluster.svelte")],
  ["/clouds", "Clouds", () => import("./pages/Clouds.svelte")],
  ["/profiles", "Profiles", () => import("./pages/Profiles.svelte")],
  ["/profiles/new", "Create profile", () => import("./pages/CreateProfile.svelte")],
  ["/profiles/{id}", "Profile", () => import("./pages/Profile.svelte")],
  ["/policies", "Policies", () => import("./pages/Policies.svelte")],
  ["/policies/new", "Create policy", () => import("./pages/CreatePolicy.svelte")],
  ["/policies/{id}", "Policy", () => import("./pages/Policy.svelte")],
  ["/nodes", "Nodes", () => import("./pages/Nodes.svelte")],
  ["/receivers", "Receivers", () => import("./pages/Receivers.svelte")],
  ["/actions", "Actions", () => import("./pages/Actions.svelte")],
  ["/events", "Events", () => import("./pages/Events.svelte")],
  ["/servers", "Servers", () => import("./pages/Servers.svelte")],
  ["/servers/{name}", "", () => import("./pages/Server.svelte")],
  ["/servers/{name}/os", "", () => import("./pages/ServerConfig.svelte")],
  ["/server-tokens", "Tokens of servers", () => import("./pages/Tokens.svelte")],
  ["/join-strings", "Join strings", () => import("./pages/JoinStrings.svelte")],
  ["/server-clusters", "Clusters of servers", () => import("./pages/ServerClusters.svelte")],
  ["/server-clusters/new", "Create cluster of servers", () => import("./pages/CreateServerCluster.svelte")],
  ["/server-clusters/{name}", "", () => import("./pages/ServerCluster.svelte")],
  ["/server-clusters/{name}/bulk", "", () => import("./pages/BulkUpdate.svelte")],
  ["/server-clusters/{name}/settings", "", () => import("./pages/ServerSettings.svelte")],
  ["/server-templates", "Templates", () => import("./pages/Templates.svelte")],
  ["/server-templates/new", "Create template", () => import("./pages/EditTemplate.svelte")],
  ["/server-templates/{name}", "", () => import("./pages/Template.svelte")],
  ["/server-templates/{name}/edit", "", () => import("./pages/EditTemplate.svelte")],
  ["/rebalance", "Rebalance", () => import("./pages/Rebalance.svelte")],
  ["/warnings", "Warnings", () => import("./pages/Warnings.svelte")],
  ["/channels", "Update channels", () => import("./pages/Channels.svelte")],
  ["/access-tokens", "Access tokens", () => import("./pages/AccessTokens.svelte")],
  ["/system", "System", () => import("./pages/System.svelte")],
  ["/inventory", "Inventory", () => import("./pages/Inventory.svelte")],
];

/** Return what an address names, by the pattern of a page; null where it is not of that page. */
export function given(pattern: string, path: string): Record<string, string> | null {
  const [wanted, said] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== said.length) return null;
  const found: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const word = said[at] ?? "";
    if (part.startsWith("{")) found[part.slice(1, -1)] = decoded(word);
    else if (part !== word) return null;
  }
  return Object.values(found).includes("") ? null : found;
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** Return the page of an address; the first row that fits. */
export function sought(path: string): Found | null {
  for (const [pattern, title, load] of ROWS) {
    const said = given(pattern, path);
    if (said) return { title: title || Object.values(said)[0] || "", given: said, load: load as () => Loaded };
  }
  return null;
}
