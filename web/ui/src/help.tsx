import { useEffect, useRef } from "preact/hooks";

const keys: [string, string][] = [
  ["j  k", "next, previous decision; its instant is marked in every chart"],
  ["Enter", "unfold the decision: who proposed what, which guard changed it"],
  ["/", "search the decisions"],
  ["1  2  3", "all decisions, changes, held back by a guard"],
  ["Esc", "clear the search, the mark and the zoom"],
  ["?", "this help"],
];

const mouse: [string, string][] = [
  ["drag in a chart", "zoom in; new data keep arriving"],
  ["double-click in a chart", "back to the present"],
  ["click in a chart", "the decision in force at that instant"],
];

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" onClose={close} aria-labelledby="help-title" onClick={(e) => e.target === dialog.current && dialog.current?.close()}>
      <h2 id="help-title">Keys and mouse</h2>
      <dl>
        {keys.map(([key, does]) => <div key={key}><dt>{key.split("  ").map((k) => <kbd key={k}>{k}</kbd>)}</dt><dd>{does}</dd></div>)}
        {mouse.map(([what, does]) => <div key={what}><dt>{what}</dt><dd>{does}</dd></div>)}
      </dl>
      <form method="dialog"><button class="button">Close</button></form>
    </dialog>
  );
}
