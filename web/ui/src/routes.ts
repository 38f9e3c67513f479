// Addresses of the pages. #/ is the overview, which opens the only target at
// once where there is just one; #/all is the overview as it was asked for.
// #/t/NAME is a target, #/t/NAME/d/ID one of its decisions, #/events what
// happened beside decisions. What a reader chose stands behind the question
// mark, so that every view can be sent to somebody else.
export type Query = Readonly<Record<string, string>>;

export type Route =
  | { page: "overview"; query: Query; asked: boolean }
  | { page: "target"; name: string; query: Query }
  | { page: "decision"; name: string; id: number; query: Query }
  | { page: "events"; query: Query };

export const home = "#/all";

export function routeOf(hash: string): Route {
  const [path = "", search = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const query = Object.fromEntries(new URLSearchParams(search));
  const parts = path.split("/").map(decoded);
  if (parts[0] === "t" && parts[1]) {
    const id = Number(parts[3]);
    if (parts[2] === "d" && Number.isSafeInteger(id) && id > 0) return { page: "decision", name: parts[1], id, query };
    return { page: "target", name: parts[1], query };
  }
  if (parts[0] === "events") return { page: "events", query };
  return { page: "overview", query, asked: parts[0] === "all" };
}

function split(text: string, at: string): [string, string] {
  const i = text.indexOf(at);
  return i < 0 ? [text, ""] : [text.slice(0, i), text.slice(i + 1)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not an address of ours: no such target
  }
}

const targetPath = (name: string) => `#/t/${encodeURIComponent(name)}`;

export const address = (name: string, query: Query = {}): string => targetPath(name) + search(query);

export const decisionAddress = (name: string, id: number): string => `${targetPath(name)}/d/${id}`;

export const eventsAddress = (query: Query = {}): string => "#/events" + search(query);

export const overviewAddress = (query: Query = {}): string => home + search(query);

// search writes a query; what is empty is left out. Colons of times stay
// readable.
function search(query: Query): string {
  const known = Object.entries(query).filter(([, value]) => value !== "");
  return known.length === 0 ? "" : `?${new URLSearchParams(known).toString().replaceAll("%3A", ":")}`;
}

// go opens a page; replace puts it in the place of the present one, for
// choices that the back button should not walk through one by one.
export function go(to: string, replace = false): void {
  if (to === location.hash) return;
  if (!replace) {
    location.hash = to;
    return;
  }
  history.replaceState(null, "", to);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
