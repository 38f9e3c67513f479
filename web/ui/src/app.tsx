// Which page is shown, and the keys that work on all of them.
import { useEffect, useState } from "preact/hooks";
import { Help } from "./help";
import { isTyping, onKey } from "./keys";
import { Overview } from "./overview";
import { address, home, targetIn } from "./routes";
import { TargetPage } from "./target";

export function App() {
  const [hash, setHash] = useState(location.hash);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  useEffect(() => onKey((e) => {
    if (e.key === "?" && !isTyping(e)) setHelp(true);
  }), []);
  const name = targetIn(hash);
  return (
    <>
      {name === null
        ? <Overview openSingle={hash !== home} open={(only) => location.replace(address(only))} />
        : <TargetPage key={name} name={name} help={() => setHelp(true)} />}
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}
