// Every page has an address. Filters, order and open tabs are parameters of it, checked here.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import type { IncidentStatus, Severity, VirtualMachineState } from "./gql/graphql";
import { machineStates, severityMeaning, incidentStatuses } from "./ui/badges";
import { AccountFrame, Home, NotFound, PlatformScope, Root, TenantHome, TenantScope } from "./shell/Root";
import { SignInPage } from "./pages/SignIn";

const text = (value: unknown) => (typeof value === "string" && value ? value : typeof value === "number" ? String(value) : undefined);
const oneOf = <K extends string>(value: unknown, known: Record<K, unknown>) =>
  typeof value === "string" && value in known ? (value as K) : undefined;
const direction = (value: unknown) => (value === "DESC" || value === "ASC" ? value : undefined);

export interface MachineSearch {
  q?: string;
  state?: VirtualMachineState;
  sort?: "NAME" | "CREATED_AT";
  dir?: "ASC" | "DESC";
}

export interface IncidentSearch {
  severity?: Severity;
  status?: IncidentStatus | "all";
  sort?: "NUMBER" | "SEVERITY" | "STARTED_AT";
  dir?: "ASC" | "DESC";
  declare?: string;
}

export interface TenantSearchParams {
  q?: string;
  sort?: "NAME" | "CREATED_AT";
  dir?: "ASC" | "DESC";
  create?: string;
}

export interface KeySearch {
  dir?: "ASC" | "DESC";
  create?: string;
}

const machineSearch = (given: Record<string, unknown>): MachineSearch => ({
  q: text(given.q),
  state: oneOf(given.state, machineStates),
  sort: oneOf(given.sort, { NAME: 1, CREATED_AT: 1 }),
  dir: direction(given.dir),
});
const incidentSearch = (given: Record<string, unknown>): IncidentSearch => ({
  severity: oneOf(given.severity, severityMeaning),
  status: given.status === "all" ? "all" : oneOf(given.status, incidentStatuses),
  sort: oneOf(given.sort, { NUMBER: 1, SEVERITY: 1, STARTED_AT: 1 }),
  dir: direction(given.dir),
  declare: text(given.declare),
});
const tenantSearch = (given: Record<string, unknown>): TenantSearchParams => ({
  q: text(given.q),
  sort: oneOf(given.sort, { NAME: 1, CREATED_AT: 1 }),
  dir: direction(given.dir),
  create: text(given.create),
});
const keySearch = (given: Record<string, unknown>): KeySearch => ({ dir: direction(given.dir), create: text(given.create) });
const tabSearch = (given: Record<string, unknown>): { tab?: string } => ({ tab: text(given.tab) });

const pages = {
  machines: () => import("./pages/Machines"),
  create: () => import("./pages/CreateMachine"),
  machine: () => import("./pages/MachineDetail"),
  incidents: () => import("./pages/Incidents"),
  room: () => import("./pages/IncidentRoom"),
  tenants: () => import("./pages/Tenants"),
  keys: () => import("./pages/ApiKeys"),
  security: () => import("./pages/Security"),
};

const overlays = [
  () => import("./shell/Palette"),
  () => import("./shell/ScopePopover"),
  () => import("./shell/KeySheet"),
  () => import("./shell/Reauth"),
  () => import("./ui/MenuPopover"),
  () => import("./ui/ConfirmCode"),
  () => import("./pages/DeclareDialog"),
  () => import("./pages/CreateTenantDialog"),
  () => import("./pages/KeyDialogs"),
  () => import("./pages/SecondFactorDialogs"),
  () => import("./pages/ConsolePanel"),
  () => import("./pages/Report"),
];

const root = createRootRoute({ component: Root, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: "/", component: Home });
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  component: SignInPage,
  validateSearch: (given: Record<string, unknown>): { next?: string; problem?: string } => ({
    next: text(given.next),
    problem: text(given.problem),
  }),
});

const platform = createRoute({ getParentRoute: () => root, path: "/platform", component: PlatformScope });
const platformHome = createRoute({ getParentRoute: () => platform, path: "/", component: TenantHome });
const tenants = createRoute({
  getParentRoute: () => platform,
  path: "/tenants",
  validateSearch: tenantSearch,
  component: lazyRouteComponent(pages.tenants, "TenantsPage"),
});
const platformMachines = createRoute({
  getParentRoute: () => platform,
  path: "/virtual-machines",
  validateSearch: machineSearch,
  component: lazyRouteComponent(pages.machines, "MachinesPage"),
});
const platformIncidents = createRoute({
  getParentRoute: () => platform,
  path: "/incidents",
  validateSearch: incidentSearch,
  component: lazyRouteComponent(pages.incidents, "IncidentsPage"),
});
const platformRoom = createRoute({
  getParentRoute: () => platform,
  path: "/incidents/$incident",
  validateSearch: tabSearch,
  component: lazyRouteComponent(pages.room, "IncidentRoomPage"),
});

const tenant = createRoute({ getParentRoute: () => root, path: "/t/$tenant", component: TenantScope });
const tenantHome = createRoute({ getParentRoute: () => tenant, path: "/", component: TenantHome });
const machines = createRoute({
  getParentRoute: () => tenant,
  path: "/virtual-machines",
  validateSearch: machineSearch,
  component: lazyRouteComponent(pages.machines, "MachinesPage"),
});
const createMachine = createRoute({
  getParentRoute: () => tenant,
  path: "/virtual-machines/new",
  component: lazyRouteComponent(pages.create, "CreateMachinePage"),
});
const machine = createRoute({
  getParentRoute: () => tenant,
  path: "/virtual-machines/$machine",
  validateSearch: tabSearch,
  component: lazyRouteComponent(pages.machine, "MachineDetailPage"),
});
const incidents = createRoute({
  getParentRoute: () => tenant,
  path: "/incidents",
  validateSearch: incidentSearch,
  component: lazyRouteComponent(pages.incidents, "IncidentsPage"),
});
const room = createRoute({
  getParentRoute: () => tenant,
  path: "/incidents/$incident",
  validateSearch: tabSearch,
  component: lazyRouteComponent(pages.room, "IncidentRoomPage"),
});
const keys = createRoute({
  getParentRoute: () => tenant,
  path: "/api-keys",
  validateSearch: keySearch,
  component: lazyRouteComponent(pages.keys, "ApiKeysPage"),
});

const account = createRoute({ getParentRoute: () => root, path: "/account", component: AccountFrame });
const security = createRoute({
  getParentRoute: () => account,
  path: "/security",
  component: lazyRouteComponent(pages.security, "SecurityPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    platform.addChildren([platformHome, tenants, platformMachines, platformIncidents, platformRoom]),
    tenant.addChildren([tenantHome, machines, createMachine, machine, incidents, room, keys]),
    account.addChildren([security]),
  ]),
  defaultPreload: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

/** Loads every page's code while nothing else happens, so that a lost network still leaves pages to open. */
export function prefetchPages() {
  const load = () => {
    for (const page of Object.values(pages)) void page().catch(() => undefined);
    for (const part of overlays) void part().catch(() => undefined);
  };
  setTimeout(() => ("requestIdleCallback" in window ? requestIdleCallback(load) : load()), 1500);
}
