// The scopes a viewer may enter. An administrator's search asks the server, so thousands of tenants cost nothing.
import { useEffect, useState } from "react";
import { TenantSearchDocument } from "../gql/graphql";
import { execute, platformScope } from "../lib/api";
import { useSession } from "../lib/session";

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
