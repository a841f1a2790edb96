// The scope of a page (platform or one tenant): its connection, its tenant, the viewer's role in it.
import { createContext, useCallback, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { useRouter } from "@tanstack/react-router";
import { TenantByNameDocument, type Role, type TenantTier } from "../gql/graphql";
import { asApiError, execute, platformScope, scopeKey, type ApiError, type Scope } from "./api";
import { Connection } from "./connection";
import type { Topic } from "./feed";
import type { ListSpec } from "./list";
import { checkExpired, roleAtLeast, useSession, type Me } from "./session";
import type { Entity } from "./store";

export interface TenantInfo {
  id: string;
  name: string;
  displayName: string;
  tier: TenantTier;
  suspended: boolean;
}

export interface ScopeInfo {
  scope: Scope;
  connection: Connection;
  /** "/platform" or "/t/<name>": where the scope's pages begin. */
  base: string;
  tenant: TenantInfo | null;
  role: Role | null;
}

const ScopeContext = createContext<ScopeInfo | null>(null);

export function useScope(): ScopeInfo {
  const found = useContext(ScopeContext);
  if (!found) throw new Error("useScope is used outside of a scope's pages");
  return found;
}

export const useConnection = () => useScope().connection;

export const basePath = (scope: Scope) => (scope.kind === "tenant" ? `/t/${scope.name}` : "/platform");

/** Why an act is not allowed for want of a role; null when it is. */
export function useDenied(least: Role): string | null {
  const { role, tenant } = useScope();
  if (roleAtLeast(role, least)) return null;
  const who = tenant ? `an owner of ${tenant.displayName}` : "a platform administrator";
  return `Needs the role ${least}; yours is ${role ?? "none"}. Ask ${who}.`;
}

type Resolved = { tenant: TenantInfo | null; role: Role | null } | { error: ApiError } | { missing: true };

async function resolve(scope: Scope, me: Me): Promise<Resolved> {
  if (scope.kind !== "tenant")
    return me.platformAdmin ? { tenant: null, role: "PLATFORM_ADMIN" } : { missing: true };
  const membership = me.memberships.find((one) => one.tenantName === scope.name);
  if (!me.platformAdmin) {
    if (!membership) return { missing: true };
    return {
      tenant: {
        id: membership.tenantId,
        name: membership.tenantName,
        displayName: membership.tenantDisplayName,
        tier: membership.tenantTier,
        suspended: false,
      },
      role: membership.role,
    };
  }
  try {
    const found = (await execute(TenantByNameDocument, { name: scope.name }, platformScope)).tenants.nodes[0];
    if (!found) return { missing: true };
    return { tenant: { ...found, suspended: found.status === "SUSPENDED" }, role: "PLATFORM_ADMIN" };
  } catch (error) {
    return { error: asApiError(error) };
  }
}

interface ScopeProviderProps {
  scope: Scope;
  children: ReactNode;
  missing: ReactNode;
  waiting: ReactNode;
  failed(error: ApiError, retry: () => void): ReactNode;
}

export function ScopeProvider({ scope, children, missing, waiting, failed }: ScopeProviderProps) {
  const session = useSession();
  const me = session.phase === "signed-in" || session.phase === "expired" ? session.me : null;
  const key = scopeKey(scope);
  const [resolved, setResolved] = useState<{ key: string; value: Resolved } | null>(null);
  const [connection, setConnection] = useState<Connection | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (!me) return;
    let current = true;
    void resolve(scope, me).then((value) => current && setResolved({ key, value }));
    return () => {
      current = false;
    };
    // The key says all that matters of the scope.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key, me, attempt]);

  const known = resolved?.key === key && "role" in resolved.value;

  useEffect(() => {
    if (!known) return;
    const made = new Connection(scope, () => void checkExpired());
    setConnection(made);
    return () => {
      made.close();
      setConnection(null);
    };
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key, known]);

  const signedIn = session.phase === "signed-in";
  useEffect(() => {
    if (signedIn && connection?.feed.status.phase === "refused") connection.feed.retryNow();
  }, [signedIn, connection]);

  useEffect(() => {
    localStorage.setItem("phoenix.scope", basePath(scope));
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);

  if (resolved?.key === key) {
    if ("missing" in resolved.value) return missing;
    if ("error" in resolved.value) return failed(resolved.value.error, () => setAttempt((n) => n + 1));
    if (connection && scopeKey(connection.scope) === key)
      return (
        <ScopeContext value={{ scope, connection, base: basePath(scope), ...resolved.value }}>{children}</ScopeContext>
      );
  }
  return waiting;
}

export function useFeedStatus() {
  const { feed } = useConnection();
  return useSyncExternalStore(
    useCallback((listener) => feed.listen(listener), [feed]),
    () => feed.status,
  );
}

/** A live list on screen. The spec must be the same for the same key. */
export function useLiveList<T extends Entity>(spec: ListSpec<T>) {
  const connection = useConnection();
  const list = connection.list(spec);
  useEffect(() => {
    const unmount = connection.mount(spec.topic, list);
    list.refresh().catch(() => undefined);
    return () => {
      list.hold(false);
      unmount();
    };
  }, [connection, list, spec.topic]);
  const state = useSyncExternalStore(list.listen, () => list.state);
  return {
    state,
    hold: useCallback((held: boolean) => list.hold(held), [list]),
    showWaiting: useCallback(() => list.showWaiting(), [list]),
    more: useCallback(() => void list.loadMore(), [list]),
    retry: useCallback(() => void list.refresh().catch(() => undefined), [list]),
  };
}

export interface LiveObject<T> {
  object: T | undefined;
  phase: "loading" | "ready" | "missing" | "failed";
  deleted: boolean;
  error: ApiError | null;
  retry(): void;
}

/** One live object on screen. */
export function useLiveObject<T extends Entity>(topic: Topic, id: string, load: () => Promise<T | null | undefined>): LiveObject<T> {
  const connection = useConnection();
  const { store } = connection;
  const [phase, setPhase] = useState<LiveObject<T>["phase"]>("loading");
  const [error, setError] = useState<ApiError | null>(null);
  const [loadId, setLoadId] = useState(id);

  const refresh = useCallback(async () => {
    try {
      await connection.feed.ready();
      const found = await load();
      if (found) {
        store.put(topic, found);
        setLoadId(found.id);
      }
      setPhase(found ? "ready" : "missing");
      setError(null);
    } catch (reason) {
      const known = asApiError(reason);
      if (known.code === "NOT_FOUND") {
        setPhase("missing");
        return;
      }
      setError(known);
      setPhase((before) => (before === "loading" ? "failed" : before));
      throw reason;
    }
    // A page loads by its id alone.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [connection, id, topic]);

  useEffect(() => {
    const unmount = connection.mount(topic, { refresh });
    refresh().catch(() => undefined);
    return unmount;
  }, [connection, topic, refresh]);

  const object = useSyncExternalStore(
    useCallback((listener) => store.listen(listener), [store]),
    () => store.get<T>(topic, loadId),
  );
  const deleted = useSyncExternalStore(
    useCallback((listener) => store.listen(listener), [store]),
    () => store.isDeleted(topic, loadId),
  );
  return {
    object,
    phase: object && phase === "loading" ? "ready" : phase,
    deleted,
    error,
    retry: () => void refresh().catch(() => undefined),
  };
}

/** Goes to an address within the portal. */
export function useGo() {
  const router = useRouter();
  return useCallback((href: string) => router.history.push(href), [router]);
}

/** Changes the address's parameters in place, without a step in the history. Null removes one. */
export function useSetSearch() {
  const router = useRouter();
  return useCallback(
    (patch: Record<string, string | null>) => {
      const { pathname } = router.state.location;
      const next = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(patch)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      const text = next.toString();
      router.history.replace(text ? `${pathname}?${text}` : pathname);
    },
    [router],
  );
}
