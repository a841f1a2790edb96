// What the portal has to say: a strip in the page's flow (it covers nothing). Errors stay until dismissed. Everything
// is also said once by the single polite live region.
import { useSyncExternalStore } from "react";
import { asApiError } from "./api";

export interface Notice {
  id: number;
  tone: "ok" | "bad" | "info";
  text: string;
  detail?: string;
}

let notices: readonly Notice[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Notice[]) {
  notices = next;
  for (const listener of listeners) listener();
}

export function notify(tone: Notice["tone"], text: string, detail?: string) {
  const notice = { id: nextId++, tone, text, detail };
  set([...notices.slice(-2), notice]);
  if (tone !== "bad") setTimeout(() => dismiss(notice.id), 6000);
}

export function notifyError(what: string, error: unknown) {
  const { message, details } = asApiError(error);
  const tail = [details.nextAction, details.requestId && `Request ${details.requestId}`].filter(Boolean).join(" · ");
  notify("bad", `${what}: ${message}`, tail || undefined);
}

export const dismiss = (id: number) => set(notices.filter((notice) => notice.id !== id));

export const useNotices = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notices,
  );
