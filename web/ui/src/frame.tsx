// What all pages have around them.
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { createContext } from "preact";
import { nbsp, offset, short } from "./format";
import { Notice } from "./notice";
import { address, eventsAddress, home } from "./routes";
import { leave, reader } from "./session";
import { simulation } from "./simulation";

// OpenHelp shows the list of keys.
export const OpenHelp = createContext(() => {});

interface HeaderProps {
  crumbs: ComponentChildren[];
  page: "overview" | "events" | "";
  children?: ComponentChildren;
}

export function Header({ crumbs, page, children }: HeaderProps) {
  return (
    <header class="top">
      <h1>
        <a href={home} title="All targets">Flyball</a>
        {crumbs.map((crumb, i) => <span key={i}> <span class="muted" aria-hidden="true">/</span> {crumb}</span>)}
      </h1>
      <Simulated />
      {children}
      <nav class="pages" aria-label="Pages">
        <a href={home} aria-current={page === "overview" ? "page" : undefined}>targets</a>
        <a href={eventsAddress()} aria-current={page === "events" ? "page" : undefined}>events</a>
      </nav>
    </header>
  );
}

// Simulated says that nothing on the page is real, and how fast it runs.
function Simulated() {
  const s = simulation();
  if (!s) return null;
  const pace = s.speed === 1 ? "in real time" : `${short(s.speed)}${nbsp}× real time`;
  return <p class="simulated" title={`The service and its load (${s.load}) are simulated, and so are all times here. Nothing real is scaled.`}>simulation, {pace}</p>;
}

interface FootProps {
  version: string;
  now: number;
  children?: ComponentChildren;
}

export function Foot({ version, now, children }: FootProps) {
  const help = useContext(OpenHelp);
  return (
    <footer class="foot">
      {children}
      <span class="right">
        {version && <span>Flyball{nbsp}{version}</span>}
        <span>times in {offset(now)}</span>
        <a href="licenses.txt">licences</a>
        {reader() && <span>{reader()}: <button class="link" onClick={() => void leave()}>log out</button></span>}
        <button class="link" onClick={help}>keys <kbd>?</kbd></button>
      </span>
    </footer>
  );
}

// Refused stands in the place of a page that the server does not give.
export function Refused({ why, name = "" }: { why: string; name?: string }) {
  return (
    <div class="overview">
      <Header crumbs={name ? [<a key="t" href={address(name)}>{name}</a>] : []} page="" />
      <div class="notices">
        <Notice id="refused">
          {why}. {name ? <>What is older than the record keeps is gone. <a href={address(name)}>Show {name}</a></> : "The document may have changed; this page keeps asking."}{" "}
          <a href={home}>Show all targets</a>
        </Notice>
      </div>
      <Foot version="" now={Date.now() / 1000} />
    </div>
  );
}
