// Things as the API shows them, each in order unless a test says otherwise.
import type { Job, ServerCluster, Step } from "../src/metal";
import type { Action, ClusterLine, Decision, Details, Happening, Instance } from "../src/types";

export const cluster = (but: Partial<ClusterLine> = {}): ClusterLine => ({
  id: "c1",
  name: "web",
  status: "ACTIVE",
  status_reason: "all well",
  stack_status: "CREATE_COMPLETE",
  min_size: 1,
  max_size: 4,
  desired_capacity: 2,
  running_instances: 2,
  load_balancer_domain: null,
  load_balancer_address: "10.0.0.1",
  load_balancer_url: "http://10.0.0.1/",
  cloud: "local",
  created_at: "2026-01-01T00:00:00Z",
  updated_at: null,
  ...but,
});

export const instance = (but: Partial<Instance> = {}): Instance => ({
  id: "i1",
  name: "web-001",
  cluster_id: "c1",
  cluster_name: "web",
  cloud: "local",
  status: "ACTIVE",
  status_reason: "in service",
  address: "10.0.0.2",
  host: "h1",
  zone: "z1",
  image: "demo-web",
  flavor: "tiny",
  revision: "r1",
  outdated: false,
  health: { infrastructure: "good", load_balancer: "good", application: "good" },
  created_at: "2026-01-01T00:00:00Z",
  ready_at: "2026-01-01T00:00:01Z",
  leaving: null,
  open_requests: 0,
  protected: false,
  standby: false,
  ...but,
});

export const happening = (but: Partial<Happening> = {}): Happening => ({
  id: "e1",
  seq: 1,
  kind: "cluster.created",
  timestamp: "2026-01-01T00:00:00Z",
  at: "2026-01-01T00:00:00.000Z",
  level: "INFO",
  otype: "CLUSTER",
  oid: "c1",
  oname: "web",
  cluster_id: "c1",
  user: "ann",
  action: "CLUSTER_CREATE",
  action_id: "a1",
  status: "start",
  status_reason: "ann asked for 2",
  done: null,
  total: null,
  ...but,
});

export const action = (but: Partial<Action> = {}): Action => ({
  id: "a1",
  name: "cluster_create_c1",
  action: "CLUSTER_CREATE",
  target: "c1",
  cause: "RPC Request",
  status: "SUCCEEDED",
  status_reason: "Action completed successfully.",
  cluster_id: "c1",
  start_time: Date.parse("2026-01-01T00:00:00Z") / 1000,
  end_time: Date.parse("2026-01-01T00:00:05Z") / 1000,
  depends_on: [],
  depended_by: [],
  user: "ann",
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:05Z",
  ...but,
});

export const decision = (but: Partial<Decision> = {}): Decision => ({
  id: "d1",
  at: "2026-01-01T00:00:00Z",
  last_at: "2026-01-01T00:00:00Z",
  times: 1,
  verdict: "hold",
  before: 2,
  wanted: 2,
  after: 2,
  reason: "holding 2",
  formula: "2 stay",
  inputs: { ready: 2, cpu: 0.5 },
  cuts: [],
  mode: "on",
  next_at: null,
  next_how: "",
  outlook: "",
  ...but,
});

export const details = (but: Partial<Details> = {}): Details =>
  ({ ...cluster(), storm: null, update: null, scaling: null, current_action: null, instances: [], ...but }) as Details;

const step = (status: string): Step => ({ step: "update", server: "m1", what: "the server", status, reason: "", tries: 0, begun_at: "", ended_at: "" });

/** A cluster of servers whose last job is at its second step, unless a test says otherwise. */
export const serverCluster = (but: Partial<Job> = {}): ServerCluster => ({
  name: "cellar",
  server_type: "incus",
  server_names: ["m1", "m2"],
  connection_url: "https://10.0.0.2:8443",
  channel: "",
  description: "",
  status: "ready",
  cloud: "cellar",
  cloud_reason: "",
  update_status: { needs_reboot: [], in_maintenance: [] },
  job: { id: "j1", kind: "update", status: "running", reason: "", progress: "1/2", asked_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:00:05Z", steps: [step("done"), step("begun")], ...but },
  bulk_update: null,
  last_updated: "2026-01-01T00:00:00Z",
});
