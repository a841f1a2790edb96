// How a page says that it has nothing, failed, may not, or waits.
import { useEffect, useState, type ReactNode } from "react";
import type { ApiError } from "../lib/api";
import { Button } from "./Button";
import { Mark } from "./Mark";
import styles from "./ui.module.css";

interface EmptyProps {
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  art?: boolean;
  /** It is the whole page, so its title is the page's. */
  page?: boolean;
}

export function Empty({ title, children, actions, art, page }: EmptyProps) {
  const Heading = page ? "h1" : "h2";
  return (
    <div className={styles.blank}>
      {art && <Mark data-art />}
      <Heading>{title}</Heading>
      {children && <p>{children}</p>}
      {actions && <div className={styles.blankActions}>{actions}</div>}
    </div>
  );
}

export function ErrorBand({ what, error, onRetry }: { what: string; error: ApiError; onRetry?(): void }) {
  const denied = error.code === "FORBIDDEN";
  const tail = [error.details.nextAction, error.details.requestId && `Request ${error.details.requestId}`].filter(Boolean);
  return (
    <div role="alert" className={styles.band} data-tone={denied ? "warn" : "bad"}>
      <div>
        <strong>{denied ? "You may not see this" : what}.</strong> {error.message}
        {tail.length > 0 && <small>{tail.join(" · ")}</small>}
      </div>
      {onRetry && !denied && <Button onPress={onRetry}>Retry</Button>}
    </div>
  );
}

export function Band({ tone, children }: { tone: "bad" | "warn" | "ok" | "info"; children: ReactNode }) {
  return (
    <div className={styles.band} data-tone={tone}>
      {children}
    </div>
  );
}

/** Shows its children only when the wait is long enough to be noticed. */
export function Patiently({ children }: { children: ReactNode }) {
  const [due, setDue] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return due ? children : null;
}

export const Skeleton = ({ width = "60%" }: { width?: string }) => <span className={styles.skeleton} style={{ width }} />;
