import { Dialog } from "./dialog";

type Lines = [string, string][];

const parts: [string, Lines][] = [
  ["Everywhere", [
    ["a", "all targets"],
    ["e", "events"],
    ["/", "search"],
    ["j  k", "next, previous line"],
    ["Esc", "clear the search, the mark, close a dialog"],
    ["?", "this help"],
  ]],
  ["All targets", [
    ["Enter", "open the target"],
    ["1  2  3", "all, in trouble, not applied"],
  ]],
  ["One decision", [
    ["j  k", "the decision before it, after it; ← → too"],
    ["t", "its target, at the instant of the decision"],
  ]],
  ["One target", [
    ["Enter", "unfold the decision: who proposed what, which guard changed it"],
    ["o", "open the whole trail of the decision on its own page"],
    ["1  2  3  4", "all, changes, held back by a guard, events"],
    ["p", "pause, or resume"],
    ["m", "change the mode"],
    ["w", "choose the window of time"],
    ["[  ]", "earlier, later"],
    ["l", "back to live"],
  ]],
  ["Mouse in a chart", [
    ["drag", "zoom in; the numbers above stay live"],
    ["double-click", "back to live"],
    ["click", "the decision in force at that instant"],
  ]],
];

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog id="help" title="Keys and mouse" close={close}>
      <div class="help">
        {parts.map(([part, lines]) => (
          <section key={part}>
            <h3>{part}</h3>
            <dl>
              {lines.map(([key, does]) => <div key={key}><dt>{key.split("  ").map((k) => <kbd key={k}>{k}</kbd>)}</dt><dd>{does}</dd></div>)}
            </dl>
          </section>
        ))}
      </div>
      <form method="dialog" class="buttons"><button class="button">Close</button></form>
    </Dialog>
  );
}
