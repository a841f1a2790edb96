// Badges carry meaning three times: shape, words, colour.
import { useState } from "react";
import Copy from "lucide-react/dist/esm/icons/copy.mjs";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import type { IncidentStatus, OperationState, Severity, TenantStatus, VirtualMachineState } from "../gql/graphql";
import { useLook } from "../lib/look";
import { ago, clock, dateTime, duration, now, useNow, zoneName } from "../lib/time";
import styles from "./ui.module.css";

export const severityMeaning: Record<Severity, string> = {
  P0: "Full outage, data loss or breach",
  P1: "Partial outage, much slower, or sign-in fails",
  P2: "One feature degraded",
  P3: "Minor or cosmetic",
};

const severityShapes: Record<Severity, React.ReactNode> = {
  P0: <path d="M5 0 10 5 5 10 0 5Z" fill="currentColor" />,
  P1: <path d="M5 .5 10 9.5H0Z" fill="currentColor" />,
  P2: <circle cx="5" cy="5" r="4.5" fill="currentColor" />,
  P3: <circle cx="5" cy="5" r="3.8" fill="none" stroke="currentColor" strokeWidth="1.6" />,
};

export const SeverityBadge = ({ severity }: { severity: Severity }) => (
  <span className={styles.sev} data-severity={severity} title={severityMeaning[severity]}>
    <svg viewBox="0 0 10 10" aria-hidden>
      {severityShapes[severity]}
    </svg>
    {severity}
  </span>
);

type Tone = "ok" | "warn" | "bad" | "info" | "dim";
type Glyph = "disc" | "square" | "turning" | "bars" | "triangle" | "cross" | "ring" | "half" | "check";

const glyphs: Record<Glyph, React.ReactNode> = {
  disc: <circle cx="5.5" cy="5.5" r="4.5" fill="currentColor" />,
  ring: <circle cx="5.5" cy="5.5" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" />,
  square: <rect x="1.5" y="1.5" width="8" height="8" rx="1" fill="currentColor" />,
  turning: (
    <path d="M5.5 1.2A4.3 4.3 0 1 1 1.2 5.5" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
  ),
  bars: <path d="M2 1h2.6v9H2zM6.4 1H9v9H6.4z" fill="currentColor" />,
  triangle: <path d="M5.5 1 10.5 10H.5Z" fill="currentColor" />,
  cross: <path d="m2 2 7 7M9 2 2 9" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  half: (
    <>
      <circle cx="5.5" cy="5.5" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M5.5 1.5a4 4 0 0 1 0 8Z" fill="currentColor" />
    </>
  ),
  check: <path d="m1.5 5.8 2.8 2.9L9.5 2.6" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" />,
};

interface StateLook {
  tone: Tone;
  glyph: Glyph;
  word: string;
}

function StateMark({ tone, glyph, word, since }: StateLook & { since?: string }) {
  return (
    <span className={styles.state} data-tone={tone}>
      <svg viewBox="0 0 11 11" aria-hidden className={glyph === "turning" ? styles.turning : undefined}>
        {glyphs[glyph]}
      </svg>
      {word}
      {since && <Counting since={since} />}
    </span>
  );
}

/** "12 s", counting. */
export function Counting({ since }: { since: string }) {
  const at = useNow();
  return <span className={styles.since}>{duration(Math.max(at, now() - 1000) - Date.parse(since))}</span>;
}

export const machineStates: Record<VirtualMachineState, StateLook & { passing?: boolean }> = {
  PENDING: { tone: "info", glyph: "turning", word: "Pending", passing: true },
  PROVISIONING: { tone: "info", glyph: "turning", word: "Provisioning", passing: true },
  STARTING: { tone: "info", glyph: "turning", word: "Starting", passing: true },
  RUNNING: { tone: "ok", glyph: "disc", word: "Running" },
  STOPPING: { tone: "info", glyph: "turning", word: "Stopping", passing: true },
  STOPPED: { tone: "dim", glyph: "square", word: "Stopped" },
  PAUSED: { tone: "warn", glyph: "bars", word: "Paused" },
  DEGRADED: { tone: "warn", glyph: "triangle", word: "Degraded" },
  UNKNOWN: { tone: "warn", glyph: "ring", word: "Unknown" },
  LOST: { tone: "bad", glyph: "cross", word: "Lost" },
  DELETING: { tone: "info", glyph: "turning", word: "Deleting", passing: true },
};

export function MachineState({ state, since }: { state: VirtualMachineState; since?: string }) {
  const look = machineStates[state];
  return <StateMark {...look} since={look.passing ? since : undefined} />;
}

const operationStates: Record<OperationState, StateLook> = {
  PENDING: { tone: "dim", glyph: "ring", word: "Queued" },
  RUNNING: { tone: "info", glyph: "turning", word: "Running" },
  WAITING: { tone: "warn", glyph: "half", word: "Waiting" },
  SUCCEEDED: { tone: "ok", glyph: "check", word: "Done" },
  FAILED: { tone: "bad", glyph: "cross", word: "Failed" },
  CANCELLED: { tone: "dim", glyph: "square", word: "Cancelled" },
};

export const OperationMark = ({ state }: { state: OperationState }) => <StateMark {...operationStates[state]} />;

export const incidentStatuses: Record<IncidentStatus, StateLook> = {
  INVESTIGATING: { tone: "bad", glyph: "ring", word: "Investigating" },
  IDENTIFIED: { tone: "warn", glyph: "half", word: "Identified" },
  MONITORING: { tone: "info", glyph: "disc", word: "Monitoring" },
  RESOLVED: { tone: "ok", glyph: "check", word: "Resolved" },
};

export const IncidentStatusMark = ({ status }: { status: IncidentStatus }) => <StateMark {...incidentStatuses[status]} />;

const tenantStatuses: Record<TenantStatus, StateLook> = {
  ACTIVE: { tone: "ok", glyph: "disc", word: "Active" },
  SUSPENDED: { tone: "warn", glyph: "bars", word: "Suspended" },
  DELETED: { tone: "dim", glyph: "cross", word: "Deleted" },
};

const keyStates: Record<"ACTIVE" | "ENDING" | "REPLACED" | "ENDED", StateLook> = {
  ACTIVE: { tone: "ok", glyph: "check", word: "Active" },
  ENDING: { tone: "warn", glyph: "half", word: "Ends soon" },
  REPLACED: { tone: "info", glyph: "half", word: "Replaced" },
  ENDED: { tone: "dim", glyph: "ring", word: "Ended" },
};

export const KeyMark = ({ state }: { state: keyof typeof keyStates }) => <StateMark {...keyStates[state]} />;

export const TenantStatusMark = ({ status }: { status: TenantStatus }) => <StateMark {...tenantStatuses[status]} />;

interface SlaProps {
  from: string;
  due: string;
  /** When the clock stopped: the promise was kept then, or broken by then. */
  done?: string | null;
  /** What stands before a stopped clock. */
  verb: string;
}

/** What a response or resolution clock reads at a moment. */
export function slaReading({ from, due, done, verb }: SlaProps, at: number): { tone: Tone | "plain"; text: string } {
  const dueAt = Date.parse(due);
  const start = Date.parse(from);
  if (done) {
    const doneAt = Date.parse(done);
    return doneAt <= dueAt
      ? { tone: "ok", text: `${verb} in ${duration(doneAt - start)}` }
      : { tone: "bad", text: `${verb} ${duration(doneAt - dueAt)} late` };
  }
  const left = dueAt - at;
  if (left <= 0) return { tone: "bad", text: `Breached ${clock(-left)} ago` };
  const warn = left < (dueAt - start) * 0.25;
  return { tone: warn ? "warn" : "plain", text: `${clock(left)} left` };
}

export function SlaClock(props: SlaProps) {
  const { tone, text } = slaReading(props, useNow());
  return (
    <span className={styles.sla} data-tone={tone}>
      {text}
    </span>
  );
}

/** A moment: how long ago, with date and time in both zones on hover. */
export function When({ at }: { at: string | null | undefined }) {
  const current = useNow();
  if (!at) return <span>–</span>;
  const ms = Date.parse(at);
  const title = `${dateTime(ms, "utc")} UTC · ${dateTime(ms, "local")} ${zoneName("local")}`;
  return (
    <time dateTime={at} title={title}>
      {ago(current - ms)}
    </time>
  );
}

/** A moment as date and time in the chosen zone. */
export function Moment({ at }: { at: string | null | undefined }) {
  const { zone } = useLook();
  if (!at) return <span>–</span>;
  return (
    <time dateTime={at} title={`${dateTime(Date.parse(at), zone === "utc" ? "local" : "utc")} ${zone === "utc" ? "local" : "UTC"}`}>
      {dateTime(Date.parse(at), zone)}
    </time>
  );
}

/** Copies a text on a press. What it shows is the text itself, or something shorter. */
export function Copyable({ text, label, shown = text }: { text: string; label: string; shown?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className={styles.copyable}
      aria-label={`${shown}: copy ${label}`}
      title={text}
      onClick={() => {
        void navigator.clipboard?.writeText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      }}
    >
      <span>{shown}</span>
      {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}

interface MeterProps {
  label: string;
  used: number;
  maximum: number;
  /** What the act at hand would add. */
  adding?: number;
  format?(value: number): string;
}

export function QuotaBar({ label, used, maximum, adding = 0, format = String }: MeterProps) {
  const share = (value: number) => `${maximum > 0 ? Math.min(100, (value / maximum) * 100) : 100}%`;
  const short = used + adding - maximum;
  const tone = short > 0 ? "bad" : maximum > 0 && (used + adding) / maximum > 0.85 ? "warn" : undefined;
  const words =
    short > 0 ? `${format(short)} short` : `${format(used)}${adding ? ` + ${format(adding)}` : ""} of ${format(maximum)}`;
  return (
    <div>
      <div style={{ display: "flex", justifyContent: "space-between", marginBottom: 4 }}>
        <span>{label}</span>
        <span className={styles.sla} data-tone={tone ?? "dim"}>
          {words}
        </span>
      </div>
      <span
        className={styles.bar}
        data-tone={tone}
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={maximum}
        aria-valuenow={Math.min(used + adding, maximum)}
        aria-valuetext={words}
      >
        <span style={{ width: share(used + adding) }} data-part={adding ? "effect" : undefined} />
        {adding > 0 && <span style={{ width: share(used) }} />}
      </span>
    </div>
  );
}
