// A dialog takes the keyboard until it is closed, by Esc too, and then gives
// it back to whatever had it.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  id: string;
  title: string;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ id, title, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>("input:checked")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} id={id} class="dialog" onClose={close} aria-labelledby={`${id}-title`} onMouseDown={(e) => e.target === dialog.current && dialog.current?.close()}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </dialog>
  );
}
