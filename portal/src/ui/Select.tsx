import ChevronDown from "lucide-react/dist/esm/icons/chevron-down.mjs";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import { Button } from "react-aria-components/Button";
import { Label } from "react-aria-components/Label";
import { ListBox, ListBoxItem } from "react-aria-components/ListBox";
import { Popover } from "react-aria-components/Popover";
import { Select as AriaSelect, SelectValue } from "react-aria-components/Select";
import { Help, type HelpProps } from "./Field";
import styles from "./ui.module.css";

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
