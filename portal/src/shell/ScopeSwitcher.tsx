// Platform or one of the tenants. An administrator's search asks the server, so thousands of tenants cost nothing.
import { useEffect, useState } from "react";
import { Autocomplete } from "react-aria-components/Autocomplete";
import { Button } from "react-aria-components/Button";
import { Dialog, DialogTrigger } from "react-aria-components/Dialog";
import { Input } from "react-aria-components/Input";
import { Menu, MenuItem } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { SearchField } from "react-aria-components/SearchField";
import ChevronsUpDown from "lucide-react/dist/esm/icons/chevrons-up-down.mjs";
import Building2 from "lucide-react/dist/esm/icons/building-2.mjs";
import Globe from "lucide-react/dist/esm/icons/globe.mjs";
import { TenantSearchDocument } from "../gql/graphql";
import { execute, platformScope } from "../lib/api";
import { useGo, useScope } from "../lib/scope";
import { useSession } from "../lib/session";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

export interface ScopeChoice {
  href: string;
  label: string;
  hint: string;
}

/** The scopes that match a text. */
export function useScopeChoices(text: string, active: boolean): ScopeChoice[] {
  const session = useSession();
  const me = session.phase === "signed-in" || session.phase === "expired" ? session.me : null;
  const [found, setFound] = useState<ScopeChoice[]>([]);
  const admin = me?.platformAdmin ?? false;

  useEffect(() => {
    if (!active || !admin) return;
    let current = true;
    const timer = setTimeout(
      () =>
        void execute(TenantSearchDocument, { text }, platformScope)
          .then(({ tenants }) => {
            if (current)
              setFound(
                tenants.nodes.map((one) => ({ href: `/t/${one.name}`, label: one.displayName, hint: one.name })),
              );
          })
          .catch(() => undefined),
      text ? 150 : 0,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, active, admin]);

  if (!me) return [];
  const needle = text.toLowerCase();
  const matches = (choice: ScopeChoice) => `${choice.label} ${choice.hint}`.toLowerCase().includes(needle);
  const mine = me.memberships.map((one) => ({
    href: `/t/${one.tenantName}`,
    label: one.tenantDisplayName,
    hint: `${one.tenantName} · ${one.role.replace("TENANT_", "").toLowerCase()}`,
  }));
  const known = new Set(mine.map((choice) => choice.href));
  const platform = admin ? [{ href: "/platform", label: "Platform", hint: "all tenants" }] : [];
  return [...platform, ...mine, ...found.filter((choice) => !known.has(choice.href))].filter(matches);
}

export function ScopeSwitcher() {
  const { tenant, base } = useScope();
  const go = useGo();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const choices = useScopeChoices(text, open);
  return (
    <DialogTrigger isOpen={open} onOpenChange={setOpen}>
      <Button className={styles.scope!} aria-label={`Scope: ${tenant?.displayName ?? "Platform"}. Switch`}>
        {tenant ? <Building2 aria-hidden /> : <Globe aria-hidden />}
        <span>{tenant?.displayName ?? "Platform"}</span>
        {tenant && <small>{tenant.tier.toLowerCase()}</small>}
        <ChevronsUpDown aria-hidden />
      </Button>
      <Popover className={ui.popover!} placement="bottom start">
        <Dialog aria-label="Switch scope" className={styles.scopeDialog!}>
          <Autocomplete inputValue={text} onInputChange={setText}>
            <SearchField aria-label="Find a tenant" autoFocus className={styles.scopeSearch!}>
              <Input className={ui.input!} placeholder="Find a tenant" />
            </SearchField>
            <Menu
              aria-label="Scopes"
              className={ui.menu!}
              items={choices}
              onAction={(href) => {
                setOpen(false);
                setText("");
                go(String(href));
              }}
              renderEmptyState={() => <p className={ui.menuHeader}>No tenant of yours matches.</p>}
            >
              {(choice) => (
                <MenuItem id={choice.href} textValue={choice.label} className={ui.item!}>
                  {choice.href === "/platform" ? <Globe aria-hidden /> : <Building2 aria-hidden />}
                  <span className={ui.itemText}>
                    {choice.label}
                    <span className={ui.itemHint}>{choice.hint}</span>
                  </span>
                  {choice.href === base && <small>here</small>}
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
