// Theme, density and clock zone: kept in this browser, applied to <html> (before paint by /theme.js).
import { useSyncExternalStore } from "react";
import type { Zone } from "./time";

export interface Look {
  theme: "dark" | "light";
  density: "compact" | "cosy" | "touch";
  zone: Zone;
  singleKeys: boolean;
}

const storageKey = "phoenix.look";
const listeners = new Set<() => void>();

function initial(): Look {
  let stored: Partial<Look> = {};
  try {
    stored = JSON.parse(localStorage.getItem(storageKey) ?? "{}");
  } catch {
    stored = {};
  }
  const { theme, density } = document.documentElement.dataset;
  return {
    theme: theme === "light" ? "light" : "dark",
    density: density === "cosy" || density === "touch" ? density : "compact",
    zone: stored.zone === "local" ? "local" : "utc",
    singleKeys: stored.singleKeys !== false,
  };
}

let current = initial();

export function setLook(patch: Partial<Look>) {
  current = { ...current, ...patch };
  document.documentElement.dataset.theme = current.theme;
  document.documentElement.dataset.density = current.density;
  localStorage.setItem(storageKey, JSON.stringify(current));
  for (const listener of listeners) listener();
}

export const look = () => current;

export const useLook = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );

export const toggleTheme = () => setLook({ theme: current.theme === "dark" ? "light" : "dark" });

const densities: Look["density"][] = ["compact", "cosy", "touch"];
export const nextDensity = () =>
  setLook({ density: densities[(densities.indexOf(current.density) + 1) % densities.length]! });
