// The keyboard of every page. Single letters never fire while typing, inside dialogs, or from events that the page made
// itself (React Aria's autocomplete repeats key presses on its items).
import { useEffect } from "react";
import { tinykeys } from "tinykeys";
import { look, nextDensity, toggleTheme } from "../lib/look";
import { useGo } from "../lib/scope";
import type { Overlay } from "./Shell";

export const keyHelp: { keys: string; does: string }[] = [
  { keys: "Ctrl K", does: "Search or run anything" },
  { keys: "?", does: "This sheet" },
  { keys: "/", does: "Filter the list (find-in-page sees only the rows in view)" },
  { keys: "g v", does: "Virtual machines" },
  { keys: "g i", does: "Incidents" },
  { keys: "g t", does: "Tenants (platform)" },
  { keys: "g y", does: "API keys (tenant)" },
  { keys: "g p", does: "Platform scope" },
  { keys: "g o", does: "Operations drawer" },
  { keys: "c", does: "Create: a machine, an incident, a tenant or a key, by page" },
  { keys: "j k", does: "Next and previous row" },
  { keys: "Enter", does: "Open the row" },
  { keys: ".", does: "Actions of the row" },
  { keys: "Home End", does: "First and last row" },
  { keys: "↑ on first row", does: "Column headers: ← → choose, Enter sorts, Alt ← → resizes, Alt Shift ← → moves" },
  { keys: "Esc", does: "Back out" },
  { keys: "Ctrl Enter", does: "Send the form" },
  { keys: "Ctrl Alt .", does: "Leave the console's keyboard" },
  { keys: "d", does: "Row height" },
  { keys: "Shift D", does: "Dark or light" },
];

export function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return Boolean(element?.closest?.('input, textarea, select, [contenteditable="true"], .xterm'));
}

export const overlayOpen = () => Boolean(document.querySelector('[role="dialog"], [role="menu"], [role="listbox"]'));

/** Whether a single-letter shortcut may act on this event. */
export const free = (event: KeyboardEvent) =>
  event.isTrusted && !event.defaultPrevented && look().singleKeys && !typing(event.target) && !overlayOpen();

/** Runs on a page's own single keys. */
export function usePageKeys(bindings: Record<string, (event: KeyboardEvent) => void>) {
  useEffect(() =>
    tinykeys(
      window,
      Object.fromEntries(
        Object.entries(bindings).map(([keys, act]) => [
          keys,
          (event: KeyboardEvent) => {
            if (!free(event)) return;
            event.preventDefault();
            act(event);
          },
        ]),
      ),
    ),
  );
}

interface GlobalKeys {
  base: string;
  platform: boolean;
  show(overlay: Overlay): void;
}

export function useGlobalKeys({ base, platform, show }: GlobalKeys) {
  const go = useGo();
  useEffect(
    () =>
      tinykeys(window, {
        "$mod+k": (event) => {
          event.preventDefault();
          show("palette");
        },
      }),
    [show],
  );
  usePageKeys({
    "Shift+?": () => show("keys"),
    "/": () => document.querySelector<HTMLInputElement>("[data-filter]")?.focus(),
    "g v": () => go(`${base}/virtual-machines`),
    "g i": () => go(`${base}/incidents`),
    "g t": () => (platform ? go(`${base}/tenants`) : go("/platform/tenants")),
    "g y": () => !platform && go(`${base}/api-keys`),
    "g p": () => go("/platform"),
    "g o": () => document.querySelector<HTMLButtonElement>("[data-drawer]")?.click(),
    d: () => nextDensity(),
    "Shift+D": () => toggleTheme(),
  });
}
