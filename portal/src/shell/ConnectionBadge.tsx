import { useFeedStatus, useConnection } from "../lib/scope";
import { duration, timeOfDay, useNow } from "../lib/time";
import { useLook } from "../lib/look";
import type { FeedStatus } from "../lib/feed";
import { Tip } from "../ui/Button";
import { Button } from "react-aria-components/Button";
import styles from "./shell.module.css";

interface Reading {
  tone: "ok" | "warn" | "bad" | "info";
  word: string;
  detail: string;
}

/** What the badge says. It says "Live" only when what is on screen is known to be the server's present. */
export function badgeReading(status: FeedStatus, at: number, since: string): Reading {
  const age = duration(at - status.since);
  switch (status.phase) {
    case "live":
      return status.broken.size
        ? {
            tone: "warn",
            word: "Partly live",
            detail: [...status.broken].map(([topic, words]) => `No live changes of ${topic}: ${words}`).join(" · "),
          }
        : { tone: "ok", word: "Live", detail: `Changes arrive as they happen, since ${since}.` };
    case "catching-up":
      return { tone: "info", word: "Catching up", detail: "Connected; reading again what changed meanwhile." };
    case "connecting":
      return { tone: "info", word: "Connecting", detail: "Opening the live connection." };
    case "reconnecting":
      return { tone: "warn", word: "Reconnecting", detail: status.reason ?? "The live connection broke; trying again." };
    case "stale":
      return {
        tone: "bad",
        word: `Stale since ${since}`,
        detail: `${status.reason ?? "The server cannot be reached."} What you see is ${age} old. Press to try now.`,
      };
    case "refused":
      return { tone: "bad", word: "Not live", detail: status.reason ?? "The server refused the live connection." };
  }
}

export function ConnectionBadge() {
  const status = useFeedStatus();
  const { feed } = useConnection();
  const { zone } = useLook();
  const at = useNow();
  const reading = badgeReading(status, at, timeOfDay(status.since, zone));
  return (
    <Tip text={reading.detail}>
      <Button
        className={styles.badge!}
        data-tone={reading.tone}
        data-phase={status.phase}
        data-testid="connection"
        onPress={() => feed.retryNow()}
      >
        <i aria-hidden />
        <span>{reading.word}</span>
      </Button>
    </Tip>
  );
}
