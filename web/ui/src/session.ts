// Who looks at the page: the name of the token that let the reader in. The
// token itself is in a cookie that no script can read.
import { logout } from "./api";

let name = "";

// reader is empty where no token is needed.
export const reader = () => name;

export const noteReader = (answer: Response): void => void (name = answer.headers.get("X-Flyball-User") ?? "");

export async function leave(): Promise<void> {
  await logout().catch(() => null); // the server is gone: nothing to leave
  location.reload();
}
