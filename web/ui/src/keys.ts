// onKey listens to the keyboard, keys with a modifier aside, until the
// function it returns is called.
export function onKey(handle: (e: KeyboardEvent) => void): () => void {
  const listener = (e: KeyboardEvent) => {
    if (!e.ctrlKey && !e.metaKey && !e.altKey && !document.querySelector("dialog[open]")) handle(e);
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

// isTyping is true while keys are meant for a field.
export function isTyping(e: KeyboardEvent): boolean {
  return e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement || e.target instanceof HTMLSelectElement;
}
