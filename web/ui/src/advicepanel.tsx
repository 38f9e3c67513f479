// What advisors said beside the decisions, and what became of it. Their words
// are quoted: they are nobody's instruction.
import type { ComponentChildren } from "preact";
import { answeredBy, asked, cost, newestValid, said, tokens, who } from "./advice";
import { duration, nbsp, none, plural, share, short } from "./format";
import { Time } from "./notice";
import type { Advice, Advised, FlyballEvent } from "./types";

export function AdvicePanel({ advice, now }: { advice: Advice; now: number }) {
  return (
    <section class="advice" aria-labelledby="advice-title">
      <h2 id="advice-title">Advice <span class="muted">what {answeredBy(advice)} said; the policy decides</span></h2>
      <Figures advice={advice} now={now} />
      <ol class="said scroll" tabIndex={0} aria-labelledby="advice-title">
        {advice.newest.map((e) => e.advised && <Line key={e.id} e={e} a={e.advised} now={now} />)}
      </ol>
    </section>
  );
}

// Figures tell how good the advice is, and what it takes.
function Figures({ advice: { newest, today, uses }, now }: { advice: Advice; now: number }) {
  const valid = newestValid(newest, now);
  return (
    <dl class="figures">
      <Figure name="Now" about="the newest advice that is valid">{valid ? <>{said(valid)}, for {duration((valid.expires ?? now) - now)}</> : "no valid advice"}</Figure>
      <Figure name="Weight" about="how far advice is followed, by what following it would have cost">{share(uses.weight, 0)}</Figure>
      <Figure name="Decisions" about={`the newest ${plural(uses.decisions, "decision")} with valid advice`}>
        {uses.decisions > 0 ? <>{uses.followed} of {uses.decisions} moved · {uses.vetoed} vetoed · {uses.ignored} not followed</> : none}
      </Figure>
      <Figure name="Agreement" about="answers of today that advise what the policy wanted anyway">{today.compared > 0 ? `${today.agreed} of ${today.compared}` : none}</Figure>
      <Figure name="Today (UTC)" about="answers, failures, tokens read and written, price">
        {plural(today.answers, "answer")}{today.cached > 0 && ` (${today.cached} repeated)`} · {today.failures > 0 ? <span class="trouble">{plural(today.failures, "failure")}</span> : "no failure"} · {short(today.in + today.out)}{nbsp}tokens{today.cost > 0 && ` · ${cost(today.cost)}`}
      </Figure>
    </dl>
  );
}

function Figure({ name, about, children }: { name: string; about: string; children: ComponentChildren }) {
  return <div title={about}><dt>{name}</dt><dd>{children}</dd></div>;
}

function Line({ e, a, now }: { e: FlyballEvent; a: Advised; now: number }) {
  return (
    <li class={a.error ? "failed" : ""}>
      <Time t={e.at} now={now} />
      <span class="what">{a.error ? <b class="trouble">▲ no advice</b> : <><b>{said(a)}</b>{nbsp}<span class="muted" title="how sure the advisor is">{share(a.confidence, 0)} sure</span></>}</span>
      <span class="words">{a.error ?? (a.reason ? <q>{a.reason}</q> : <span class="muted">no reason given</span>)}</span>
      <span class="muted meta" title={`${a.from}; ${tokens(a)}`}>
        {who(a.from)} · asked: {asked(a.occasion)}{a.wanted !== undefined && `, the policy wanted ${a.wanted}`} · {a.cached ? "said before" : `took ${duration(a.took)}`}
        {a.in + a.out > 0 && <> · {short(a.in + a.out)}{nbsp}tokens</>}{a.cost > 0 && <> · {cost(a.cost)}</>}{!a.error && <> · {valid(a, now)}</>}
      </span>
    </li>
  );
}

function valid(a: Advised, now: number): string {
  const left = (a.expires ?? 0) - now;
  return left > 0 ? `valid for ${duration(left)}` : "expired";
}
