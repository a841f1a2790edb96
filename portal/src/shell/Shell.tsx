// The shell of all signed-in pages: top bar, rail, page, notices, operations drawer.
import { lazy, Suspense, useState, type ComponentType, type ReactNode, type SVGProps } from "react";
import { useRouterState } from "@tanstack/react-router";
import Building2 from "lucide-react/dist/esm/icons/building-2.mjs";
import KeyRound from "lucide-react/dist/esm/icons/key-round.mjs";
import Server from "lucide-react/dist/esm/icons/server.mjs";
import Siren from "lucide-react/dist/esm/icons/siren.mjs";
import Search from "lucide-react/dist/esm/icons/search.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";
import { dismiss, useNotices } from "../lib/notices";
import { useScope } from "../lib/scope";
import { Go } from "../ui/Go";
import { Mark } from "../ui/Mark";
import { IconButton } from "../ui/Button";
import { ClockButton } from "./ClockButton";
import { ConnectionBadge } from "./ConnectionBadge";
import { OperationsDrawer } from "./OperationsDrawer";
import { ScopeSwitcher } from "./ScopeSwitcher";
import { UserMenu } from "./UserMenu";
import { useGlobalKeys } from "./keys";
import { useOpenIncidents } from "./useOpenIncidents";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

const Palette = lazy(() => import("./Palette"));
const KeySheet = lazy(() => import("./KeySheet"));

export type Overlay = "palette" | "keys" | null;

export function Shell({ children }: { children: ReactNode }) {
  const { base, tenant } = useScope();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const openIncidents = useOpenIncidents();
  useGlobalKeys({ base, platform: !tenant, show: setOverlay });

  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#page">
        Skip to the page
      </a>
      <header className={styles.top} data-scope={tenant ? "tenant" : "platform"}>
        <Go href={base} className={styles.brand} aria-label="Sankofa Phoenix, start">
          <Mark />
          <span>Sankofa Phoenix</span>
        </Go>
        <ScopeSwitcher />
        <button type="button" className={styles.search} onClick={() => setOverlay("palette")}>
          <Search aria-hidden />
          <span>Search or run</span>
          <kbd className={ui.kbd}>{/Mac/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <span className={styles.spring} />
        <ConnectionBadge />
        <ClockButton />
        <UserMenu onKeys={() => setOverlay("keys")} />
      </header>
      <nav className={styles.rail} aria-label="Sections">
        {!tenant && <RailLink href={`${base}/tenants`} icon={Building2} label="Tenants" keys="g t" />}
        <RailLink href={`${base}/virtual-machines`} icon={Server} label="Virtual machines" keys="g v" />
        <RailLink href={`${base}/incidents`} icon={Siren} label="Incidents" keys="g i" count={openIncidents} />
        {tenant && <RailLink href={`${base}/api-keys`} icon={KeyRound} label="API keys" keys="g y" />}
      </nav>
      <main id="page" tabIndex={-1} className={styles.page}>
        {tenant?.suspended && (
          <div className={styles.pageBand}>
            <div className={ui.band} data-tone="warn">
              <div>
                <strong>{tenant.displayName} is suspended.</strong> Its machines cannot be changed until a platform
                administrator lifts the suspension.
              </div>
            </div>
          </div>
        )}
        {children}
      </main>
      <div className={styles.bottom}>
        <Notices />
        <OperationsDrawer />
      </div>
      {overlay === "palette" && (
        <Suspense>
          <Palette onClose={() => setOverlay(null)} onKeys={() => setOverlay("keys")} />
        </Suspense>
      )}
      {overlay === "keys" && (
        <Suspense>
          <KeySheet onClose={() => setOverlay(null)} />
        </Suspense>
      )}
    </div>
  );
}

interface RailLinkProps {
  href: string;
  icon: ComponentType<SVGProps<SVGSVGElement>>;
  label: string;
  keys: string;
  count?: number | null;
}

function RailLink({ href, icon: Icon, label, keys, count }: RailLinkProps) {
  const here = useRouterState({ select: (state) => state.location.pathname.startsWith(href) });
  return (
    <Go href={href} className={styles.railLink} aria-current={here ? "page" : undefined} title={`${label} (${keys})`}>
      <Icon aria-hidden />
      <span>{label}</span>
      {count ? (
        <b className={styles.count} aria-label={`${count} open`}>
          {count}
        </b>
      ) : null}
    </Go>
  );
}

export function Notices() {
  const notices = useNotices();
  return (
    <div className={styles.notices} role="status" aria-live="polite">
      {notices.map((notice) => (
        <div key={notice.id} className={styles.notice} data-tone={notice.tone}>
          <span>
            {notice.text}
            {notice.detail && <small>{notice.detail}</small>}
          </span>
          <IconButton label="Dismiss" onPress={() => dismiss(notice.id)}>
            <X aria-hidden />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
