// The part of menus that is loaded when the first one opens (or when the page is idle).
import type { RefObject } from "react";
import { Menu as AriaMenu, MenuItem } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { Separator } from "react-aria-components/Separator";
import type { Action } from "./Menu";
import styles from "./ui.module.css";

/** A reason up to this length stands beside its action, a longer one below it. */
const shortReason = 24;

function Items({ label, actions }: { label: string; actions: readonly Action[] }) {
  const danger = actions.findIndex((action) => action.danger);
  return (
    <AriaMenu
      aria-label={label}
      className={styles.menu!}
      onAction={(key) => actions.find((action) => action.id === key)?.run()}
      disabledKeys={actions.filter((action) => action.denied).map((action) => action.id)}
      autoFocus="first"
    >
      {actions.flatMap((action, index) => {
        const item = (
          <MenuItem
            key={action.id}
            id={action.id}
            textValue={action.label}
            className={styles.item!}
            data-tone={action.danger ? "danger" : undefined}
          >
            {action.icon && <action.icon aria-hidden />}
            <span className={styles.itemText}>
              {action.label}
              {action.denied && action.denied.length > shortReason && <span className={styles.itemHint}>{action.denied}</span>}
            </span>
            {action.denied && action.denied.length <= shortReason ? (
              <span className={styles.itemReason}>{action.denied}</span>
            ) : (
              action.shortcut && <span className={styles.itemKey}>{action.shortcut}</span>
            )}
          </MenuItem>
        );
        return index === danger && index > 0
          ? [<Separator key={`line-${action.id}`} className={styles.separator!} />, item]
          : [item];
      })}
    </AriaMenu>
  );
}

export interface AnchoredMenuProps {
  label: string;
  actions: readonly Action[];
  anchor: RefObject<HTMLElement | null>;
  open: boolean;
  onClose(): void;
}

export default function MenuPopover({ label, actions, anchor, open, onClose }: AnchoredMenuProps) {
  return (
    <Popover
      className={styles.popover!}
      triggerRef={anchor}
      isOpen={open}
      onOpenChange={(next) => !next && onClose()}
      placement="bottom end"
      aria-label={label}
    >
      <Items
        label={label}
        actions={actions.map((action) => ({
          ...action,
          run: () => {
            onClose();
            action.run();
          },
        }))}
      />
    </Popover>
  );
}
