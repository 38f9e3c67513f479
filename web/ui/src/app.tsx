// Which page is shown, and the keys that work on all of them.
import { useCallback, useEffect, useLayoutEffect, useState } from "preact/hooks";
import { onLocked } from "./api";
import { DecisionPage } from "./decision";
import { EventsPage } from "./eventspage";
import { OpenHelp } from "./frame";
import { Help } from "./help";
import { isTyping, onKey } from "./keys";
import { Login } from "./login";
import { Overview } from "./overview";
import { address, eventsAddress, go, home, routeOf, type Route } from "./routes";
import { TargetPage } from "./target";

export function App() {
  const [hash, setHash] = useState(location.hash);
  const [help, setHelp] = useState(false);
  const [locked, setLocked] = useState(false);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  useEffect(() => onLocked(() => setLocked(true)), []);
  useLayoutEffect(() => onKey((e) => {
    if (isTyping(e)) return;
    if (e.key === "?") setHelp(true);
    if (e.key === "a") go(home);
    if (e.key === "e") go(eventsAddress());
  }), []);
  if (locked) return <Login done={() => setLocked(false)} />;
  return (
    <OpenHelp.Provider value={useCallback(() => setHelp(true), [])}>
      <Page route={routeOf(hash)} />
      {help && <Help close={() => setHelp(false)} />}
    </OpenHelp.Provider>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "target":
      return <TargetPage key={route.name} name={route.name} query={route.query} />;
    case "decision":
      return <DecisionPage key={route.name} name={route.name} id={route.id} />;
    case "events":
      return <EventsPage key={route.query.target ?? ""} query={route.query} />;
    default:
      return <Overview query={route.query} openSingle={!route.asked} open={(only) => go(address(only), true)} />;
  }
}
