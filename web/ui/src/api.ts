// Requests to the API. All addresses are relative, so the page also works
// under a path of a proxy.
import { noteReader } from "./session";
import { noted } from "./simulation";
import type { Answer } from "./pages";
import type { Continued, Decision, DecisionAnswer, Filter, FlyballEvent, Mode, SeriesAnswer, Target, TargetAnswer, TargetsAnswer } from "./types";
import { rfc3339 } from "./window";

// Refusal is an answer that says what is wrong, as opposed to no answer.
export class Refusal extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

// isMissing tells what is not there from what is only not to be had now.
export const isMissing = (e: unknown): e is Refusal => e instanceof Refusal && e.status === 404;

// whyNot is why a question was not answered, in words.
export const whyNot = (e: unknown): string => (e instanceof Refusal ? e.message : "Flyball does not answer");

// locked is called when an answer asks for a token.
let locked = () => {};
export const onLocked = (handle: () => void): void => void (locked = handle);

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(path, init);
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) {
    noteReader(answer);
    return body as T;
  }
  if (answer.status === 401) locked();
  throw new Refusal(body?.error ?? `${path}: the server answered ${answer.status}`, answer.status);
}

const get = <T>(path: string, signal?: AbortSignal) => ask<T>(path, { signal: signal ?? null });

const base = "api/v1/";
const target = (name: string) => `${base}targets/${encodeURIComponent(name)}`;

// query writes parameters; what is empty or 0 is left out.
function query(parameters: Record<string, string | number>): string {
  const known = Object.entries(parameters).filter(([, v]) => v !== "" && v !== 0);
  return known.length === 0 ? "" : `?${new URLSearchParams(known.map(([k, v]) => [k, String(v)]))}`;
}

const time = (t: number) => (t > 0 ? new Date(Math.round(t * 1000)).toISOString().replace(".000", "") : "");

export const getTargets = (signal?: AbortSignal) => get<TargetsAnswer>(base + "targets", signal).then(noted);

export const getTarget = (name: string, signal?: AbortSignal) => get<TargetAnswer>(target(name), signal).then(noted);

export const getSeries = (name: string, since: number, until: number, step: number, signal?: AbortSignal) =>
  get<SeriesAnswer>(`${target(name)}/series${query({ since: time(Math.round(since)), until: time(Math.round(until)), step: `${step}s` })}`, signal);

// Page says which part of a log is wanted; 0 is no bound.
export interface Page {
  limit?: number;
  before?: number;
  from?: number;
  to?: number;
  exclude?: string; // types of events
}

export const pageSize = 100;

export async function getDecisions(name: string, filter: Filter, page: Page, signal?: AbortSignal): Promise<Answer<Decision>> {
  const answer = await get<{ decisions: Decision[] } & Continued>(`${target(name)}/decisions${query({ filter, ...paged(page) })}`, signal);
  return { items: answer.decisions, ...continued(answer) };
}

export const getDecision = (name: string, id: number, signal?: AbortSignal) => get<DecisionAnswer>(`${target(name)}/decisions/${id}`, signal).then(noted);

export async function getEvents(name: string, page: Page, signal?: AbortSignal): Promise<Answer<FlyballEvent>> {
  const answer = await get<{ events: FlyballEvent[] } & Continued>(`${base}events${query({ target: name, ...paged(page) })}`, signal);
  return { items: answer.events, ...continued(answer) };
}

const paged = ({ from = 0, to = 0, ...page }: Page) => ({ ...page, from: time(from), to: time(to) });

// continued says how a page goes on: by what the server says, not by how many
// lines it has.
const continued = ({ nextBefore, incomplete }: Continued) => ({ next: nextBefore || null, incomplete: incomplete ?? "" });

// who is written beside an action when no token says who it was.
const who = { "X-Flyball-User": "dashboard" };

export async function setMode(name: string, mode: Mode, until: number | null, reason: string): Promise<Target> {
  const body = JSON.stringify({ mode, until: until === null ? null : rfc3339(until), reason });
  return (await ask<{ target: Target }>(`${target(name)}/mode`, { method: "PUT", headers: { "Content-Type": "application/json", ...who }, body })).target;
}

export async function clearMode(name: string): Promise<Target> {
  return (await ask<{ target: Target }>(`${target(name)}/mode`, { method: "DELETE", headers: who })).target;
}

// login trades a token for a cookie that scripts cannot read.
export async function login(token: string): Promise<void> {
  const answer = await fetch("login", { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ token }) });
  if (answer.ok) return;
  const body = await answer.json().catch(() => null);
  throw new Refusal(body?.error ?? `the server answered ${answer.status}`, answer.status);
}

export const logout = () => fetch("logout", { method: "POST" });

export const ping = () => fetch("healthz", { signal: AbortSignal.timeout(5000) });

export const streamAddress = (name: string, after: string) =>
  `${base}stream?after=${encodeURIComponent(after)}` + (name && `&target=${encodeURIComponent(name)}`);
