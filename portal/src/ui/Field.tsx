import { useId, type ReactNode, type Ref } from "react";
import ChevronDown from "lucide-react/dist/esm/icons/chevron-down.mjs";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import { Button } from "react-aria-components/Button";
import { ListBox, ListBoxItem } from "react-aria-components/ListBox";
import { Popover } from "react-aria-components/Popover";
import { Select as AriaSelect, SelectValue } from "react-aria-components/Select";
import { Label } from "react-aria-components/Label";
import styles from "./ui.module.css";

interface HelpProps {
  error?: string | null;
  hint?: ReactNode;
  good?: string | null;
}

/** The line under a control; always there, so that nothing moves when an error comes or goes. */
function Help({ id, error, hint, good }: HelpProps & { id?: string }) {
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

export interface Option {
  id: string;
  label: string;
  hint?: string;
}

interface SelectProps extends HelpProps {
  label: string;
  value: string;
  options: readonly Option[];
  onChange(value: string): void;
  hideLabel?: boolean;
}

export function Select({ label, value, options, onChange, hideLabel, error, hint }: SelectProps) {
  return (
    <AriaSelect
      className={styles.field!}
      value={value}
      onChange={(key) => onChange(String(key))}
      aria-label={hideLabel ? label : undefined}
      isInvalid={Boolean(error)}
    >
      {!hideLabel && <Label className={styles.label!}>{label}</Label>}
      <Button className={styles.select!}>
        <SelectValue>{({ selectedText }) => selectedText ?? "Choose"}</SelectValue>
        <ChevronDown aria-hidden />
      </Button>
      {!hideLabel && <Help error={error} hint={hint} />}
      <Popover className={styles.popover!}>
        <ListBox className={styles.menu!} items={options}>
          {(option) => (
            <ListBoxItem id={option.id} textValue={option.label} className={styles.item!}>
              {({ isSelected }) => (
                <>
                  <span className={styles.itemText}>
                    {option.label}
                    {option.hint && <span className={styles.itemHint}>{option.hint}</span>}
                  </span>
                  {isSelected && <Check aria-hidden />}
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
