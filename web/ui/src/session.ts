// Whether this browser logged in. The token itself is in a cookie that no
// script can read; this only decides whether there is a way to log out.
import { logout } from "./api";

const key = "loggedIn";

export const loggedIn = () => localStorage.getItem(key) !== null;

export const noteLogin = () => localStorage.setItem(key, "1");

export async function leave(): Promise<void> {
  await logout().catch(() => null); // the server is gone: nothing to leave
  localStorage.removeItem(key);
  location.reload();
}
