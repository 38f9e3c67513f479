// #/ is the overview, #/t/NAME one target. Where there is only one target the
// overview opens it at once, unless it was asked for as home.
export const home = "#/all";

export function address(name: string): string {
  return `#/t/${encodeURIComponent(name)}`;
}

export function targetIn(hash: string): string | null {
  if (!hash.startsWith("#/t/")) return null;
  try {
    return decodeURIComponent(hash.slice(4));
  } catch {
    return hash.slice(4); // not an address of ours: no such target
  }
}
