// Platform or one of the tenants; where one is stands here and in the address.
import { lazy, Suspense, useRef, useState } from "react";
import { Button } from "react-aria-components/Button";
import ChevronsUpDown from "lucide-react/dist/esm/icons/chevrons-up-down.mjs";
import Building2 from "lucide-react/dist/esm/icons/building-2.mjs";
import Globe from "lucide-react/dist/esm/icons/globe.mjs";
import { useScope } from "../lib/scope";
import styles from "./shell.module.css";

const ScopePopover = lazy(() => import("./ScopePopover"));

export function ScopeSwitcher() {
  const { tenant } = useScope();
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLButtonElement>(null);
  return (
    <>
      <Button
        ref={anchor}
        className={styles.scope!}
        aria-haspopup="dialog"
        aria-expanded={open}
        onPress={() => setOpen(true)}
      >
        <span className="quiet">Scope: </span>
        {tenant ? <Building2 aria-hidden /> : <Globe aria-hidden />}
        <span>{tenant?.displayName ?? "Platform"}</span>
        {tenant && <small>{tenant.tier.toLowerCase()}</small>}
        <ChevronsUpDown aria-hidden />
      </Button>
      {open && (
        <Suspense>
          <ScopePopover anchor={anchor} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
