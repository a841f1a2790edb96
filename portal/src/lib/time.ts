// Time as people read it, and one shared clock that ticks on the second. Deadlines are the server's, so the clock
// follows the server's Date header when this machine's own is off.
import { useSyncExternalStore } from "react";

let offsetMs = 0;

/** HTTP dates have whole seconds: a difference under two of them is noise. */
export function learnServerTime(header: string | null) {
  if (!header) return;
  const difference = Date.parse(header) - Date.now();
  if (Number.isFinite(difference)) offsetMs = Math.abs(difference) > 2000 ? difference : 0;
}

export const now = () => Date.now() + offsetMs;

const tickers = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let second = Math.floor(now() / 1000);

function tick() {
  second = Math.floor(now() / 1000);
  for (const ticker of tickers) ticker();
  timer = setTimeout(tick, 1000 - (now() % 1000) + 5);
}

function subscribe(ticker: () => void) {
  if (!tickers.size) {
    second = Math.floor(now() / 1000);
    timer = setTimeout(tick, 1000 - (now() % 1000) + 5);
  }
  tickers.add(ticker);
  return () => {
    tickers.delete(ticker);
    if (!tickers.size) clearTimeout(timer);
  };
}

/** Now in milliseconds, changing once a second. */
export const useNow = () => useSyncExternalStore(subscribe, () => second) * 1000;

const units: [string, number][] = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** "12 s", "4 min 10 s", "3 h 20 min": the two largest units that are not zero. */
export function duration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  if (rest === 0) return "0 s";
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count || parts.length) {
      if (count) parts.push(`${count} ${unit}`);
      rest -= count * size;
      if (parts.length === 2 || (parts.length === 1 && !count)) break;
    }
  }
  return parts.join(" ");
}

/** A counting clock: "4:05", "1:04:05", "2 d 03:04:05". */
export function clock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const days = Math.floor(total / 86400);
  const hours = Math.floor((total % 86400) / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const two = (n: number) => String(n).padStart(2, "0");
  const tail = `${two(minutes)}:${two(total % 60)}`;
  if (days) return `${days} d ${two(hours)}:${tail}`;
  return hours ? `${hours}:${tail}` : `${minutes}:${two(total % 60)}`;
}

/** "12 s ago", one unit only. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 5) return "just now";
  for (const [unit, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return "just now";
}

export type Zone = "utc" | "local";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, zone: Zone, options: Intl.DateTimeFormatOptions) {
  const key = `${name}/${zone}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone === "utc" ? "UTC" : undefined });
    formats.set(key, found);
  }
  return found;
}

export const timeOfDay = (ms: number, zone: Zone) =>
  format("time", zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(ms);

export const shortDate = (ms: number, zone: Zone) =>
  format("date", zone, { day: "2-digit", month: "short", year: "numeric" }).format(ms);

export const dateTime = (ms: number, zone: Zone) => `${shortDate(ms, zone)} ${timeOfDay(ms, zone)}`;

export const zoneName = (zone: Zone) =>
  zone === "utc"
    ? "UTC"
    : (format("zone", zone, { timeZoneName: "short" })
        .formatToParts(now())
        .find((part) => part.type === "timeZoneName")?.value ?? "local");
