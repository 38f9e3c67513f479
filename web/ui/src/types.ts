// The answers of the API as docs/api.md describes them. Times are Unix
// seconds, durations and latencies seconds, rates per second; null is unknown.

export type Value = number | null;

export type Mode = "Apply" | "Recommend" | "Paused";

export interface Point {
  t: number;
  rate: Value;
  p50: Value;
  p95: Value;
  p99: Value;
  violationRatio: Value;
  concurrency: Value;
  queue: Value;
  errors: Value;
  ready: Value;
  starting: Value;
  terminating: Value;
  desired: Value;
  shadows?: Record<string, number>;
}

export interface Objective {
  threshold: number;
  target: number;
  window: number;
  covered: number;
  requests: Value;
  good: Value;
  met: boolean;
  recentGood: Value;
}

export interface Reason {
  code: string;
  text: string;
}

export interface Proposal {
  signal: string;
  replicas: number;
  reason: Reason;
  missing?: boolean;
}

export interface Step {
  guard: string;
  from: number;
  to: number;
  reason: Reason;
}

export interface Shadow {
  policy: string;
  replicas: number;
  reason: Reason;
  setBy: string;
}

export interface Decision {
  id: number;
  newest?: number; // id of the newest of the run
  at: number;
  until: number;
  count: number;
  mode: Mode;
  policy: string;
  from: number;
  to: number;
  reason: Reason;
  setBy: string;
  noData?: boolean;
  recommendation: { replicas: number; reason: Reason; confidence: number; proposals?: Proposal[] };
  steps: Step[];
  shadows?: Shadow[];
  applied?: { at: number; error?: string };
}

export interface Replica {
  id: string;
  address?: string;
  phase: "ready" | "starting" | "unready" | "terminating" | "ended";
  since: number;
  started: number;
  restarts: number;
  inFlight: Value;
  rate: Value;
  p95: Value;
  errors: Value;
}

export interface Fault {
  from: string;
  error: string;
  since: number;
  resolved?: boolean;
}

export interface Condition {
  type: string;
  since: number;
  message: string;
  guard?: string; // that says so; otherwise the target itself
}

export interface Target {
  name: string;
  mode: Mode; // that holds now
  documentMode: Mode;
  override: Override | null;
  policy: string;
  shadows: string[];
  min: number;
  max: number;
  sync: number;
  kind: string;
  balancer?: string;
  compression: number;
  objective: Objective | null;
  reportAt: number;
  staleAfter: number;
  point: Point | null;
  decision: Decision | null;
  lastChange: Decision | null;
  faults: Fault[];
  conditions: Condition[];
  replicas?: Replica[];
  advice?: Advice;
}

// Override is what an operator set by hand.
export interface Override {
  mode: Mode;
  until: number | null;
  by: string;
  at: number;
  reason?: string;
}

export type Trust = "fresh" | "stale" | "implausible" | "absent";

// Measured is the newest value of a signal when a decision was made.
export interface Measured {
  name: string;
  trust: Trust;
  value: Value;
  at: number;
  window?: number;
  p50?: number;
  p95?: number;
  p99?: number;
}

// Seen is what a decision was made on.
export interface Seen {
  ready: number;
  starting: number;
  terminating: number;
  signals?: Measured[];
  conditions?: Condition[];
}

export interface WholeDecision extends Decision {
  seen?: Seen;
}

// Simulation says how what is shown is simulated.
export interface Simulation {
  speed: number; // seconds that pass in one of the reader's
  load: string;
}

export interface DecisionAnswer {
  now: number;
  simulation?: Simulation | null; // null: this is real
  decision: WholeDecision;
  previous?: number | null;
  next?: number | null;
  incomplete?: string; // why the record could not be read
}

// FlyballEvent is something that happened beside decisions.
export interface FlyballEvent {
  id: number;
  at: number;
  type: string;
  target?: string;
  by?: string;
  message: string;
  advised?: Advised;
}

// Advised is a question to an advisor and what came of it.
export interface Advised {
  from: string;
  occasion?: string;
  seenAt: number;
  took: number;
  error?: string; // why there is no advice
  expires?: number;
  wanted?: number; // by the policy, without advice
  replicas?: number;
  direction?: number;
  thresholds?: { name: string; value: number }[];
  confidence: number;
  reason?: string; // the advisor's own words
  in: number; // tokens
  out: number;
  cost: number; // US dollars
  cached?: boolean;
}

// Advice is what advisors said about a target, and what became of it.
export interface Advice {
  newest: FlyballEvent[]; // newest first
  today: { answers: number; cached: number; failures: number; in: number; out: number; cost: number; agreed: number; compared: number };
  uses: { decisions: number; followed: number; vetoed: number; ignored: number; weight: Value };
}

// Continued says what an answer leaves out.
export interface Continued {
  nextBefore?: number | null; // what to ask for older ones with
  incomplete?: string; // why the record could not be read
}

export interface SeriesAnswer {
  step: number;
  source?: "memory" | "record";
  points: Point[];
  incomplete?: string;
}

export interface TargetAnswer {
  now: number;
  simulation?: Simulation | null; // null: this is real
  version: string;
  lastEventId: string;
  target: Target;
}

export interface TargetsAnswer {
  now: number;
  simulation?: Simulation | null; // null: this is real
  version: string;
  lastEventId: string;
  targets: Target[];
}

export type Filter = "all" | "changes" | "held" | "events";
