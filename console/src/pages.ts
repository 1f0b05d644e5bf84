// The menu: every page that has no parameters.

export interface Page {
  path: string;
  title: string;
  group: "" | "Compute" | "Clustering" | "Servers";
  right?: string; // without which there is nothing to see
}

export const PAGES: Page[] = [
  { path: "/", title: "Overview", group: "" },
  { path: "/clusters", title: "Clusters", group: "Compute" },
  { path: "/vclusters", title: "Virtual clusters", group: "Compute" },
  { path: "/instances", title: "Instances", group: "Compute" },
  { path: "/images", title: "Images", group: "Compute" },
  { path: "/flavors", title: "Flavors", group: "Compute" },
  { path: "/keypairs", title: "Keypairs", group: "Compute" },
  { path: "/networks", title: "Networks", group: "Compute" },
  { path: "/volumes", title: "Volumes", group: "Compute" },
  { path: "/clouds", title: "Clouds", group: "Compute" },
  { path: "/profiles", title: "Profiles", group: "Clustering" },
  { path: "/policies", title: "Policies", group: "Clustering" },
  { path: "/nodes", title: "Nodes", group: "Clustering" },
  { path: "/receivers", title: "Receivers", group: "Clustering" },
  { path: "/actions", title: "Actions", group: "Clustering" },
  { path: "/events", title: "Events", group: "Clustering" },
  { path: "/servers", title: "Servers", group: "Servers", right: "operate" },
  { path: "/server-tokens", title: "Tokens", group: "Servers", right: "operate" },
  { path: "/join-strings", title: "Join strings", group: "Servers", right: "operate" },
  { path: "/server-clusters", title: "Clusters of servers", group: "Servers", right: "operate" },
  { path: "/server-templates", title: "Templates", group: "Servers", right: "operate" },
  { path: "/rebalance", title: "Rebalance", group: "Servers", right: "operate" },
  { path: "/warnings", title: "Warnings", group: "Servers", right: "operate" },
  { path: "/channels", title: "Update channels", group: "Servers", right: "operate" },
  { path: "/inventory", title: "Inventory", group: "Servers", right: "operate" },
  { path: "/activity", title: "Activity", group: "" },
  { path: "/access-tokens", title: "Access tokens", group: "" },
  { path: "/system", title: "System", group: "", right: "operate" },
];
