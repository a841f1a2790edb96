import { useId, type ReactNode, type Ref } from "react";
import styles from "./ui.module.css";

export interface HelpProps {
  error?: string | null;
  hint?: ReactNode;
  good?: string | null;
}

/** The line under a control; always there, so that nothing moves when an error comes or goes. */
export function Help({ id, error, hint, good }: HelpProps & { id?: string }) {
  return (
    <span id={id} className={styles.help} data-tone={error ? "bad" : good ? "ok" : undefined}>
      {error || good || hint}
    </span>
  );
}

interface TextFieldProps extends HelpProps {
  label: string;
  value: string;
  onChange(value: string): void;
  name?: string;
  type?: "text" | "email" | "password" | "number";
  optional?: boolean;
  rows?: number;
  mono?: boolean;
  placeholder?: string;
  autoFocus?: boolean;
  autoComplete?: string;
  maxLength?: number;
  min?: number;
  max?: number;
  step?: number;
  disabled?: boolean;
  inputRef?: Ref<HTMLInputElement>;
}

export function TextField({ label, error, hint, good, optional, rows, mono, onChange, inputRef, ...input }: TextFieldProps) {
  const id = useId();
  const helpId = useId();
  const shared = {
    ...input,
    id,
    className: `${styles.input} ${mono ? styles.mono : ""}`,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": helpId,
    spellCheck: mono ? false : undefined,
  };
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label} {optional && <span className={styles.optional}>(optional)</span>}
      </label>
      {rows ? (
        <textarea {...shared} rows={rows} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input {...shared} ref={inputRef} onChange={(event) => onChange(event.target.value)} />
      )}
      <Help id={helpId} error={error} hint={hint} good={good} />
    </div>
  );
}
