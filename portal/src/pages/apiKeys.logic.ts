import type { KeyFieldsFragment } from "../gql/graphql";

export type Key = KeyFieldsFragment;
export type KeyState = "ACTIVE" | "ENDING" | "REPLACED" | "ENDED";

const soon = 14 * 86_400_000;

export const hasEnded = (key: Pick<Key, "expiresAt">, at: number) => Boolean(key.expiresAt) && Date.parse(key.expiresAt!) <= at;

/** What a key is at a moment; one that ends within two weeks is told, so that it can be replaced in time. */
export function keyState(key: Pick<Key, "expiresAt" | "rotatedAt">, at: number): KeyState {
  if (hasEnded(key, at)) return "ENDED";
  if (key.rotatedAt) return "REPLACED";
  return key.expiresAt && Date.parse(key.expiresAt) - at < soon ? "ENDING" : "ACTIVE";
}

/** What was typed, as networks: one a line or apart by commas. */
export const networks = (text: string) => text.split(/[\s,]+/).filter(Boolean);
