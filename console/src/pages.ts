// The menu: every page that has no parameters.

export interface Page {
  path: string;
  title: string;
  group: "" | "Compute";
}

export const PAGES: Page[] = [
  { path: "/", title: "Overview", group: "" },
  { path: "/clusters", title: "Clusters", group: "Compute" },
  { path: "/instances", title: "Instances", group: "Compute" },
  { path: "/images", title: "Images", group: "Compute" },
  { path: "/flavors", title: "Flavors", group: "Compute" },
  { path: "/keypairs", title: "Keypairs", group: "Compute" },
  { path: "/networks", title: "Networks", group: "Compute" },
  { path: "/volumes", title: "Volumes", group: "Compute" },
  { path: "/activity", title: "Activity", group: "" },
];
