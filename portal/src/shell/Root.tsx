// The frame around every page: who is signed in, which scope, and what to say when there is neither.
import { lazy, Suspense, useEffect } from "react";
import { Outlet, useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { platformScope, type ApiError } from "../lib/api";
import { restore, useSession } from "../lib/session";
import { ScopeProvider, useGo, useScope } from "../lib/scope";
import { Button } from "../ui/Button";
import { Go } from "../ui/Go";
import { Empty, ErrorBand, Patiently } from "../ui/States";
import { Mark } from "../ui/Mark";
import { Shell, Notices } from "./Shell";
import { StepUp } from "./StepUp";
import { UserMenu } from "./UserMenu";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

const Reauth = lazy(() => import("./Reauth"));

export function Root() {
  const session = useSession();
  const navigate = useNavigate();
  const { pathname, href } = useRouterState({ select: (state) => state.location });
  const signingIn = pathname === "/sign-in";

  useEffect(() => {
    if (session.phase === "anonymous" && !signingIn)
      void navigate({ to: "/sign-in", search: pathname === "/" ? {} : { next: href }, replace: true });
  }, [session.phase, signingIn, navigate, pathname, href]);

  if (signingIn) return <Outlet />;
  if (session.phase === "unreachable")
    return (
      <main className={styles.centre}>
        <ErrorBand what="The portal cannot reach its server" error={session.error} onRetry={() => void restore()} />
      </main>
    );
  if (session.phase === "unknown" || session.phase === "anonymous")
    return (
      <Patiently>
        <main className={styles.centre}>Opening…</main>
      </Patiently>
    );
  return (
    <>
      <Outlet />
      <StepUp />
      {session.phase === "expired" && (
        <Suspense>
          <Reauth email={session.user.email} />
        </Suspense>
      )}
    </>
  );
}

/** The root address: where the viewer was last, or where there is something for them. */
export function Home() {
  const session = useSession();
  const go = useGo();
  const me = session.phase === "signed-in" ? session.me : null;
  const remembered = localStorage.getItem("phoenix.scope");
  const allowed =
    me &&
    remembered &&
    (me.platformAdmin || me.memberships.some((one) => remembered === `/t/${one.tenantName}`));
  const target = !me
    ? null
    : allowed
      ? remembered
      : me.memberships[0] && !me.platformAdmin
        ? `/t/${me.memberships[0].tenantName}`
        : me.platformAdmin
          ? "/platform"
          : null;

  useEffect(() => {
    if (target) go(target);
  }, [target, go]);

  if (target || !me) return null;
  return (
    <main className={styles.centre}>
      <Empty page title="You are not a member of any tenant yet" art>
        Ask an owner of a tenant, or a platform administrator, to add {me.email}.
      </Empty>
    </main>
  );
}

/** Around the pages of one's own account, which belong to no scope: also for who is a member of nothing yet. */
export function AccountFrame() {
  return (
    <div className={styles.account}>
      <header className={styles.top}>
        <Go href="/" className={styles.brand} aria-label="Sankofa Phoenix, back to the start">
          <Mark />
          <span>Sankofa Phoenix</span>
        </Go>
        <span className={styles.spring} />
        <UserMenu />
      </header>
      <main id="page" tabIndex={-1} className={styles.page}>
        <Outlet />
      </main>
      <div className={styles.bottom}>
        <Notices />
      </div>
    </div>
  );
}

/** A scope's own address opens its first page. */
export function TenantHome() {
  const { base, tenant } = useScope();
  const navigate = useNavigate();
  useEffect(() => {
    void navigate({ href: tenant ? `${base}/virtual-machines` : `${base}/tenants`, replace: true });
  }, [base, tenant, navigate]);
  return null;
}

export function NotFound() {
  return (
    <main className={styles.centre}>
      <Empty page title="There is no such page" art actions={<Go href="/" className={ui.button}>Go to the start</Go>}>
        The address may be mistyped, or from another version of the portal.
      </Empty>
    </main>
  );
}

const failed = (error: ApiError, retry: () => void) => (
  <main className={styles.centre}>
    <ErrorBand what="This scope could not be opened" error={error} onRetry={retry} />
  </main>
);

const waiting = (
  <Patiently>
    <main className={styles.centre}>Opening…</main>
  </Patiently>
);

export function PlatformScope() {
  const go = useGo();
  return (
    <ScopeProvider
      scope={platformScope}
      waiting={waiting}
      failed={failed}
      missing={
        <main className={styles.centre}>
          <Empty page title="The platform's pages are for its administrators" actions={<Button onPress={() => go("/")}>Go to your tenants</Button>}>
            They need the role PLATFORM_ADMIN, which a platform administrator can grant.
          </Empty>
        </main>
      }
    >
      <Shell>
        <Outlet />
      </Shell>
    </ScopeProvider>
  );
}

export function TenantScope() {
  const { tenant } = useParams({ strict: false });
  const name = tenant ?? "";
  const go = useGo();
  return (
    <ScopeProvider
      key={name}
      scope={{ kind: "tenant", name }}
      waiting={waiting}
      failed={failed}
      missing={
        <main className={styles.centre}>
          <Empty
            page
            title={`No tenant "${name}" for you`}
            actions={
              <Button
                onPress={() => {
                  localStorage.removeItem("phoenix.scope");
                  go("/");
                }}
              >
                Go to your tenants
              </Button>
            }
          >
            Either it does not exist or you are not a member of it. An owner of the tenant can add you.
          </Empty>
        </main>
      }
    >
      <Shell>
        <Outlet />
      </Shell>
    </ScopeProvider>
  );
}
