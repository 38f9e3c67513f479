// Requests to the API. All addresses are relative, so the page also works
// under a path of a proxy.
import type { Decision, Filter, Point, TargetAnswer, TargetsAnswer } from "./types";

// Refusal is an answer that says what is wrong, as opposed to no answer.
export class Refusal extends Error {}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { signal: signal ?? null });
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body as T;
  throw new Refusal(body?.error ?? `${path}: the server answered ${answer.status}`);
}

const base = "api/v1/";
const target = (name: string) => `${base}targets/${encodeURIComponent(name)}`;

export const getTargets = (signal?: AbortSignal) => get<TargetsAnswer>(base + "targets", signal);

export const getTarget = (name: string, signal?: AbortSignal) => get<TargetAnswer>(target(name), signal);

export async function getSeries(name: string, since: number, step: number, signal?: AbortSignal): Promise<Point[]> {
  const from = new Date(Math.max(0, since) * 1000).toISOString();
  return (await get<{ points: Point[] }>(`${target(name)}/series?since=${from}&step=${step}s`, signal)).points;
}

export async function getDecisions(name: string, filter: Filter, before = 0, signal?: AbortSignal): Promise<Decision[]> {
  const older = before > 0 ? `&before=${before}` : "";
  return (await get<{ decisions: Decision[] }>(`${target(name)}/decisions?filter=${filter}&limit=100${older}`, signal)).decisions;
}

export const ping = () => fetch("healthz", { signal: AbortSignal.timeout(5000) });

export const streamAddress = (name: string, after: string) =>
  `${base}stream?after=${encodeURIComponent(after)}` + (name && `&target=${encodeURIComponent(name)}`);
