import type { ReactNode, Ref } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components/Button";
import { Tooltip as AriaTooltip, TooltipTrigger } from "react-aria-components/Tooltip";
import styles from "./ui.module.css";

export type Tone = "plain" | "primary" | "danger" | "destroy" | "quiet";

interface ButtonProps extends Omit<AriaButtonProps, "className" | "children"> {
  tone?: Tone;
  children: ReactNode;
  /** Why it cannot be pressed. The button stays reachable, so that the reason can be read. */
  denied?: string | null;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ tone = "plain", denied, onPress, ...props }: ButtonProps) {
  const button = (
    <AriaButton
      {...props}
      className={styles.button!}
      data-tone={tone}
      aria-disabled={denied ? true : undefined}
      onPress={denied ? undefined : onPress}
    />
  );
  return denied ? <Tip text={denied}>{button}</Tip> : button;
}

interface IconButtonProps extends Omit<ButtonProps, "aria-label"> {
  /** What it does, in words; shown on hover and read aloud. */
  label: string;
}

export function IconButton({ label, tone = "quiet", denied, onPress, ...props }: IconButtonProps) {
  return (
    <Tip text={denied ?? label}>
      <AriaButton
        {...props}
        aria-label={label}
        className={`${styles.button} ${styles.icon}`}
        data-tone={tone}
        aria-disabled={denied ? true : undefined}
        onPress={denied ? undefined : onPress}
      />
    </Tip>
  );
}

export function Tip({ text, children }: { text: string; children: ReactNode }) {
  return (
    <TooltipTrigger delay={400} closeDelay={0}>
      {children}
      <AriaTooltip className={styles.tooltip!} offset={6}>
        {text}
      </AriaTooltip>
    </TooltipTrigger>
  );
}
