// What is shown may be a simulation, whose time runs faster than the reader's.
// The answers that tell the server's time say so too.
import type { Simulation } from "./types";

let known: Simulation | null = null;

export const simulation = (): Simulation | null => known;

// speed is how many of the server's seconds pass in one of the reader's.
export const speed = (): number => known?.speed ?? 1;

// noted remembers what an answer says of it.
export function noted<T extends { simulation?: Simulation | null }>(answer: T): T {
  known = answer.simulation ?? null;
  return answer;
}
