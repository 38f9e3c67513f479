// The replicas one by one.
import { age, exact, fullTime, latency, perSecond, short } from "./format";
import type { Replica, Target } from "./types";

const signs = { ready: "●", starting: "◔", unready: "▲", terminating: "◌", ended: "×" };
const words = { ready: "ready", starting: "starting", unready: "not ready", terminating: "draining", ended: "ended" };
const order = ["unready", "starting", "ready", "terminating", "ended"];

export function Backends({ t, now }: { t: Target | null; now: number }) {
  const replicas = [...(t?.replicas ?? [])].sort((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase) || a.id.localeCompare(b.id, "en", { numeric: true }));
  return (
    <section class="backends" aria-labelledby="backends-title">
      <h2 id="backends-title">Backends <span class="muted">{t?.replicas?.length ?? ""}</span></h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="backends-title">
        <table>
          <thead>
            <tr>
              <th scope="col">Replica</th><th scope="col" class="wide">Address</th><th scope="col">State, since</th><th scope="col" class="n">In flight</th>
              <th scope="col" class="n wide">Requests</th><th scope="col" class="n wide">p95</th><th scope="col" class="n">Restarts</th><th scope="col" class="n">Age</th>
            </tr>
          </thead>
          <tbody>
            {replicas.map((r) => <Row key={r.id} r={r} now={now} />)}
            {replicas.length === 0 && <tr><td colSpan={8} class="muted">{t?.reportAt ? "No replica: requests are held until one is ready." : "Waiting for the first report…"}</td></tr>}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ r, now }: { r: Replica; now: number }) {
  return (
    <tr class={r.phase}>
      <th scope="row">{r.id}</th>
      <td class="wide">{r.address || "–"}</td>
      <td title={r.since ? fullTime(r.since) : ""}><span class="phase"><span aria-hidden="true">{signs[r.phase]}</span> {words[r.phase]}</span> {r.since > 0 && <span class="muted">{age(now - r.since)}</span>}</td>
      <td class="n" title={exact(r.inFlight, "requests")}>{short(r.inFlight)}</td>
      <td class="n wide" title={exact(r.rate, "requests/s")}>{perSecond(r.rate)}</td>
      <td class="n wide" title={exact(r.p95, "s")}>{latency(r.p95)}</td>
      <td class="n">{r.restarts}</td>
      <td class="n" title={r.started ? fullTime(r.started) : ""}>{r.started ? age(now - r.started) : "–"}</td>
    </tr>
  );
}
