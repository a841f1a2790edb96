import { lazy, Suspense, useRef, useState, type ComponentType, type ReactNode, type RefObject, type SVGProps } from "react";
import type { AnchoredMenuProps } from "./MenuPopover";

const MenuPopover = lazy(() => import("./MenuPopover"));

export interface Action {
  id: string;
  label: string;
  icon?: ComponentType<SVGProps<SVGSVGElement>>;
  run(): void;
  /** Why it is not possible now. */
  denied?: string | null;
  danger?: boolean;
  shortcut?: string;
}

/** One menu for many triggers, placed beside whichever asked for it. */
export const AnchoredMenu = (props: AnchoredMenuProps) => (
  <Suspense>
    <MenuPopover {...props} />
  </Suspense>
);

/** What a menu's button needs to be one. */
export interface MenuButton {
  ref: RefObject<HTMLButtonElement | null>;
  onPress(): void;
  "aria-haspopup": "menu";
  "aria-expanded": boolean;
}

interface ActionMenuProps {
  label: string;
  actions: readonly Action[];
  children(button: MenuButton): ReactNode;
}

export function ActionMenu({ label, actions, children }: ActionMenuProps) {
  const ref = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  return (
    <>
      {children({ ref, onPress: () => setOpen(true), "aria-haspopup": "menu", "aria-expanded": open })}
      {open && <AnchoredMenu label={label} actions={actions} anchor={ref} open onClose={() => setOpen(false)} />}
    </>
  );
}
