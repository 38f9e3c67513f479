// What the shadows would have now, and why: one row each.
import { nbsp, short } from "./format";
import { average, shadowRows, type ShadowRow } from "./shadows";
import type { Point, Target } from "./types";

export function Shadows({ t, points }: { t: Target; points: Point[] }) {
  const own = t.decision?.to ?? null;
  const ownAverage = average(points, (p) => p.desired);
  return (
    <section class="shadows" aria-labelledby="shadows-title">
      <h2 id="shadows-title">Shadows <span class="muted">what other policies would have now</span></h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="shadows-title">
        <table>
          <thead>
            <tr><th scope="col">Policy</th><th scope="col" class="n">Now</th><th scope="col" class="n" title="mean of the window that the charts show">Mean</th><th scope="col">Why</th></tr>
          </thead>
          <tbody>
            {shadowRows(t, points).map((row) => <Row key={row.policy} row={row} />)}
            <tr class="own">
              <th scope="row">{t.policy} <span class="muted">in charge</span></th>
              <td class="n">{own ?? "–"}</td><td class="n">{short(ownAverage)}</td><td class="muted">the decision above, after the guards</td>
            </tr>
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ row }: { row: ShadowRow }) {
  const beside = row.less === null ? "" : row.less === 0 ? "the same" : `${Math.abs(row.less)}${nbsp}${row.less > 0 ? "more" : "fewer"}`;
  return (
    <tr>
      <th scope="row">{row.policy}</th>
      <td class="n"><b>{row.wish?.replicas ?? "–"}</b></td>
      <td class="n">{short(row.average)}</td>
      <td>{row.wish ? <>{beside && <span class="tag">{beside}</span>} {row.wish.reason.text}</> : <span class="muted">no wish yet</span>}</td>
    </tr>
  );
}
