// The page of a server that wants a token first.
import { useEffect, useRef, useState } from "preact/hooks";
import { login, Refusal } from "./api";

export function Login({ done }: { done: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = "Log in · Flyball";
    field.current?.focus();
  }, []);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await login(field.current!.value);
      done();
    } catch (e) {
      setWrong(e instanceof Refusal ? e.message : "Flyball does not answer. Is it running?");
      setBusy(false);
      field.current?.select();
    }
  };
  return (
    <main class="login">
      <h1>Flyball</h1>
      <form id="login" onSubmit={submit}>
        <label for="token">Token</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" required aria-describedby="token-help token-wrong" />
        <button class="button primary" disabled={busy}>Log in</button>
        <p id="token-wrong" class="trouble" role="alert">{wrong && <><span aria-hidden="true">▲</span> {wrong}</>}</p>
        <p id="token-help" class="muted">This Flyball listens beyond its own machine and asks for a token: one of those in the file behind <code>flyball run --token-file</code>.</p>
      </form>
    </main>
  );
}
