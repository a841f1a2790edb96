// Who is signed in, for the whole page.
import { useSyncExternalStore } from "react";
import { MeDocument, type MeQuery, type Role } from "../gql/graphql";
import * as api from "./api";

export type Me = MeQuery["me"];

export type Session =
  | { phase: "unknown" }
  | { phase: "unreachable"; error: api.ApiError }
  | { phase: "anonymous" }
  /** The server forgot the session while pages are open: they stay, with a sign-in over them. */
  | { phase: "signed-in" | "expired"; user: api.SessionUser; me: Me };

let current: Session = { phase: "unknown" };
const listeners = new Set<() => void>();

function set(next: Session) {
  current = next;
  for (const listener of listeners) listener();
}

export const session = () => current;

export const useSession = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );

async function enter(user: api.SessionUser) {
  const { me } = await api.execute(MeDocument, {}, api.userScope);
  set({ phase: "signed-in", user, me });
}

/** Asks the server who we are. Never rejects. */
export async function restore() {
  try {
    const user = await api.readSession();
    if (user) await enter(user);
    else set({ phase: "anonymous" });
  } catch (error) {
    const known = api.asApiError(error);
    set(known.code === "UNAUTHENTICATED" ? { phase: "anonymous" } : { phase: "unreachable", error: known });
  }
}

/** The challenge, when the account asks for a second factor. */
async function enterOrAsk(answer: api.SessionUser | api.Challenge): Promise<api.Challenge | null> {
  if ("challenge" in answer) return answer;
  await enter(answer);
  return null;
}
export const signIn = async (email: string, password: string) => enterOrAsk(await api.login(email, password));
export const signInOnce = async (token: string) => enterOrAsk(await api.loginOnce(token));
export const signInWithCode = async (challenge: api.Challenge, code: string) => enter(await api.answerChallenge(challenge, code));

export async function signOut() {
  const next = await api.logout();
  set({ phase: "anonymous" });
  if (next) location.assign(next);
}

/** Reads memberships again, after one was made. */
export async function reload() {
  if (current.phase === "signed-in") await enter(current.user);
}

export function passwordIsSet() {
  if (current.phase === "signed-in") set({ ...current, user: { ...current.user, hasPassword: true } });
}

export function secondFactorIs(hasSecondFactor: boolean) {
  if (current.phase === "signed-in") set({ ...current, user: { ...current.user, hasSecondFactor } });
}

export function expire() {
  if (current.phase === "signed-in") set({ ...current, phase: "expired" });
}

api.onUnauthenticated(expire);

/** A refused connection may mean an ended session: asks, and says so if it is. */
export async function checkExpired() {
  const user = await api.readSession().catch(() => undefined);
  if (user === null) expire();
}

const ranks: Role[] = ["TENANT_VIEWER", "TENANT_MEMBER", "TENANT_ADMIN", "TENANT_OWNER", "PLATFORM_ADMIN"];

export const roleAtLeast = (role: Role | null, least: Role) =>
  role !== null && ranks.indexOf(role) >= ranks.indexOf(least);
