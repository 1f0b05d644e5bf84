// What the API answers with, as far as the console shows it.

export type Condition = "good" | "bad" | "unknown" | "not_applicable" | string;

export interface Session {
  signed_in: boolean;
  ways: string[];
  reason?: string;
  user?: string;
  project?: string;
  roles?: string[];
  projects?: string[]; // in which this session can go on
  project_names?: Record<string, string>; // where those are ids
  projects_reason?: string; // why they are not known
  rights?: string[];
}

export interface Instance {
  id: string;
  name: string;
  cluster_id: string | null;
  cluster_name: string;
  cloud: string;
  status: string;
  status_reason: string;
  address: string | null;
  host: string | null;
  zone: string | null;
  image: string;
  flavor: string;
  revision: string;
  outdated: boolean;
  health: { infrastructure: Condition; load_balancer: Condition; application: Condition };
  created_at: string | null;
  ready_at: string | null;
  leaving: { why: string; since: string; deadline: string | null; reason: string } | null;
  open_requests: number | null;
  protected: boolean;
  standby: boolean;
}

export interface ClusterLine {
  id: string;
  name: string;
  status: string;
  status_reason: string;
  stack_status: string;
  min_size: number;
  max_size: number;
  desired_capacity: number;
  running_instances: number;
  load_balancer_domain: string | null;
  load_balancer_address: string | null;
  load_balancer_url: string | null;
  cloud: string;
  created_at: string | null;
  updated_at: string | null;
}

export interface Decision {
  id: string;
  at: string;
  last_at: string;
  times: number;
  verdict: string;
  before: number;
  wanted: number;
  after: number;
  reason: string;
  formula: string;
  inputs: Record<string, number | null>;
  cuts: { limiter: string; before: number; after: number; why: string }[];
  mode: string;
  next_at: string | null;
  next_how: string;
  outlook: string;
}

export interface Rollout {
  id: string;
  state: string;
  reason: string;
  from: { revision: string; image: string; flavor: string };
  to: { revision: string; image: string; flavor: string };
  done: number;
  total: number;
  started_at: string | null;
  ended_at: string | null;
  can: string[];
}

export interface Details extends ClusterLine {
  image: string;
  flavor: string;
  revision: string;
  backend_network: string | null;
  keypair: string | null;
  desired_size: number;
  port: number | null;
  protocol: string | null;
  health_path: string | null;
  dns_name: string | null;
  scale_out_threshold: number | null;
  scale_in_threshold: number | null;
  scaling_mode: string | null;
  create_bastion: boolean;
  bastion: { name: string; status: string; reason: string; address: string | null; port: number | null } | null;
  drain_seconds: number | null;
  warm_pool: number;
  zones: string[];
  update_strategy: Record<string, unknown>;
  instances: Instance[];
  scaling: { mode: string; last_decision: Decision | null } | null;
  update: Rollout | null;
  storm: { since: string; retry_at: string | null; allowed: number; reason: string } | null;
  current_action: { id: string; action: string; status: string; done: number; total: number; reason: string } | null;
}

export interface Happening {
  id: string;
  seq: number;
  kind: string;
  timestamp: string;
  at: string;
  level: string;
  otype: string;
  oid: string;
  oname: string;
  cluster_id: string;
  user: string;
  action: string;
  action_id: string | null;
  status: string;
  status_reason: string;
  done: number | null;
  total: number | null;
}

export interface Action {
  id: string;
  name: string;
  action: string;
  target: string;
  cause: string;
  status: string;
  status_reason: string;
  cluster_id?: string;
  start_time: number | null;
  end_time: number | null;
  depends_on: string[];
  depended_by: string[];
  user: string;
  created_at: string;
  updated_at: string | null;
}

export interface Spec {
  id: string;
  name: string;
  type: string;
  spec: Record<string, unknown>;
  metadata?: Record<string, unknown> | null;
  user: string;
  created_at: string | null;
  updated_at: string | null;
}

export interface Node {
  id: string;
  name: string;
  cluster_id: string;
  profile_id: string;
  profile_name: string;
  index: number;
  role: string;
  status: string;
  status_reason: string;
  tainted: boolean;
  created_at: string | null;
  updated_at: string | null;
}

export interface Receiver {
  id: string;
  name: string;
  type: string;
  cluster_id: string | null;
  action: string | null;
  params: Record<string, unknown>;
  channel: { alarm_url?: string; queue_name?: string };
  user: string;
  created_at: string | null;
}

export interface Image {
  id: string;
  name: string;
  cloud: string;
  status: string;
  version: string;
  size: number;
  snapshot_of: string | null;
  port: number | null;
  health_path: string | null;
  created_at: string | null;
}

export interface Flavor {
  id: string;
  name: string;
  vcpus: number;
  memory_mib: number;
  disk_gib: number;
  project: string | null;
}

export interface Keypair {
  id: string;
  name: string;
  fingerprint: string;
  user: string;
  created_at: string | null;
}

export interface Network {
  id: string;
  name: string;
  type: string | null;
  cidr: string;
  cloud: string;
  description: string;
  default: boolean;
  made_here: boolean;
}

export interface Volume {
  id: string;
  name: string;
  cloud: string;
  size_gib: number;
  status: string;
  instance_id: string | null;
  instance_name: string | null;
  host: string | null;
  zone: string | null;
  note: string | null;
  created_at: string | null;
}

export interface Cloud {
  name: string;
  kind: string;
  default: boolean;
  cannot: Record<string, string>;
}

export interface Plan {
  steps: string[];
  loses: string[];
  reversible: boolean;
  hash: string;
}
