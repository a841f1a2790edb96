// The API over the pretend platform: the real SDL, resolved by a few general rules (connection, one, many, by id).
import { buildSchema } from "graphql";
import { expandRepository } from "../../tools/expand-schema.mjs";
import { Refusal } from "./world.mjs";

const snakeToCamel = (name) => name.toLowerCase().replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

function matches(row, filter) {
  if (!filter) return true;
  return Object.entries(filter).every(([field, test]) => {
    if (test == null) return true;
    if (field === "and") return test.every((one) => matches(row, one));
    if (field === "or") return test.some((one) => matches(row, one));
    if (field === "not") return !matches(row, test);
    return Object.entries(test).every(([operator, value]) => {
      const actual = row[field];
      switch (operator) {
        case "eq":
          return actual === value;
        case "ne":
          return actual !== value;
        case "in":
          return value.includes(actual);
        case "contains":
          return String(actual).toLowerCase().includes(value.toLowerCase());
        case "gt":
          return actual > value;
        case "gte":
          return actual >= value;
        case "lt":
          return actual < value;
        default:
          return actual <= value;
      }
    });
  });
}

function connect(rows, { first = 50, after, filter, orderBy, direction = "ASC" }) {
  if (first > 500) throw new Refusal("At most 500 rows a page.", "VALIDATION_ERROR", { field: "first" });
  const key = orderBy ? snakeToCamel(orderBy) : "id";
  const sign = direction === "ASC" ? 1 : -1;
  const all = rows
    .filter((row) => matches(row, filter))
    .sort((a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.id < b.id ? -1 : 1));
  const start = after ? all.findIndex((row) => row.id === after) + 1 : 0;
  const nodes = all.slice(start, start + first);
  return {
    nodes,
    edges: nodes.map((node) => ({ node, cursor: node.id })),
    pageInfo: {
      hasNextPage: start + first < all.length,
      hasPreviousPage: start > 0,
      startCursor: nodes[0]?.id ?? null,
      endCursor: nodes.at(-1)?.id ?? null,
    },
    totalCount: all.length,
    totalCountExact: true,
  };
}

export function createSchema(world) {
  const schema = buildSchema(expandRepository());
  const { tables } = world;
  const rowsOf = (type) => [...tables[type].values()];
  const visible = (type, context) =>
    rowsOf(type).filter((row) => (type === "Tenant" ? !context.tenant || row.id === context.tenant.id : !context.tenant || !("tenantId" in row) || row.tenantId === context.tenant.id));
  const field = (type, name, resolve) => {
    schema.getType(type).getFields()[name].resolve = resolve;
  };
  const one = (type, name, target, key) => field(type, name, (row) => tables[target].get(row[key]) ?? null);

  for (const type of ["VirtualMachine", "Operation", "Incident", "Alert", "Membership"]) one(type, "tenant", "Tenant", "tenantId");
  one("VirtualMachine", "image", "Image", "imageId");
  one("VirtualMachine", "site", "Site", "siteId");
  one("Incident", "virtualMachine", "VirtualMachine", "virtualMachineId");
  one("Alert", "incident", "Incident", "incidentId");
  one("Alert", "virtualMachine", "VirtualMachine", "virtualMachineId");
  one("IncidentEntry", "incident", "Incident", "incidentId");
  one("Membership", "user", "User", "userId");
  one("ApiKey", "serviceAccount", "ServiceAccount", "serviceAccountId");

  const many = (type, name, target, key) => field(type, name, (row, args) => connect(rowsOf(target).filter((other) => other[key] === row.id), args));
  many("Tenant", "quotas", "Quota", "tenantId");
  many("Tenant", "members", "Membership", "tenantId");
  many("VirtualMachine", "operations", "Operation", "objectId");
  many("VirtualMachine", "alerts", "Alert", "virtualMachineId");
  many("Incident", "alerts", "Alert", "incidentId");
  many("Incident", "timeline", "IncidentEntry", "incidentId");
  field("Quota", "used", (row) => world.quotaUse(row.tenantId, row.dimension));
  field("VirtualMachine", "usage", (row) =>
    row.state === "RUNNING" ? { cpuSeconds: 12.4 + row.version, cpuLoad: 0.07, memoryMib: row.memoryMib * 0.42 } : null,
  );

  const lists = { tenants: "Tenant", sites: "Site", virtualMachines: "VirtualMachine", images: "Image", operations: "Operation", incidents: "Incident", alerts: "Alert", serviceAccounts: "ServiceAccount", apiKeys: "ApiKey" };
  for (const [name, type] of Object.entries(lists))
    field("Query", name, (_, args, context) => {
      if (name === "tenants" && !context.user.platformAdmin) throw new Refusal("The list of tenants is for administrators of the platform.", "FORBIDDEN");
      return connect(visible(type, context), args);
    });
  const singles = { tenant: "Tenant", virtualMachine: "VirtualMachine", operation: "Operation", incident: "Incident", alert: "Alert" };
  for (const [name, type] of Object.entries(singles))
    field("Query", name, (_, { id }, context) => visible(type, context).find((row) => row.id === id) ?? null);

  field("Query", "health", () => ({ status: "ok", timestamp: new Date().toISOString(), version: "mock" }));
  field("Query", "eventCursor", () => world.cursor());
  field("Query", "incidentReport", (_, { id }, context) => world.report(found("Incident", id, context)));
  field("Query", "me", (_, __, { user }) => ({
    ...user,
    memberships: rowsOf("Membership")
      .filter((one) => one.userId === user.id)
      .map((one) => {
        const tenant = tables.Tenant.get(one.tenantId);
        return { role: one.role, tenantId: tenant.id, tenantName: tenant.name, tenantDisplayName: tenant.displayName, tenantTier: tenant.tier };
      }),
  }));

  function found(type, id, context) {
    const row = visible(type, context).find((one) => one.id === id);
    if (!row) throw new Refusal("There is no such object.", "NOT_FOUND", { field: "id" });
    return row;
  }
  function writer(context) {
    const role = rowsOf("Membership").find((one) => one.userId === context.user.id && one.tenantId === context.tenant?.id)?.role;
    if (!context.user.platformAdmin && (!role || role === "TENANT_VIEWER")) throw new Refusal("This needs the role TENANT_MEMBER.", "FORBIDDEN");
    return context.user.email;
  }

  const seenKeys = new Map();
  const mutation = (name, act) =>
    field("Mutation", name, (_, args, context) => {
      const key = args.idempotencyKey && `${context.user.id}/${args.idempotencyKey}`;
      if (key && seenKeys.has(key)) return seenKeys.get(key);
      const answer = act(args, context);
      if (key) seenKeys.set(key, answer);
      return answer;
    });

  mutation("createTenant", ({ input }, context) => ({ tenant: world.createTenant(input, context.user) }));
  mutation("setPassword", ({ current, password }, { user }) => {
    if (user.password && current !== user.password) throw new Refusal("The current password is not right.", "VALIDATION_ERROR", { field: "current" });
    if (password.length < 12) throw new Refusal("At least 12 characters.", "VALIDATION_ERROR", { field: "password" });
    user.password = password;
    return { userId: user.id };
  });
  field("Query", "sessions", (_, __, { user }) => user.sessions ?? []);
  mutation("revokeSession", ({ id }, { user }) => {
    user.sessions = user.sessions.filter((one) => one.id !== id);
    return { ids: [id] };
  });
  mutation("revokeOtherSessions", (_, { user }) => {
    const ids = user.sessions.filter((one) => !one.current).map((one) => one.id);
    user.sessions = user.sessions.filter((one) => one.current);
    return { ids };
  });
  mutation("createVirtualMachine", ({ input }, context) => {
    const by = writer(context);
    if (!context.tenant) throw new Refusal("A machine is created within a tenant.", "VALIDATION_ERROR");
    return world.createMachine(context.tenant, input, by);
  });
  for (const [name, kind] of [["start", "start"], ["stop", "stop"], ["reboot", "reboot"], ["pause", "pause"], ["resume", "resume"], ["delete", "delete"]])
    mutation(`${name}VirtualMachine`, ({ id }, context) => world.power(kind, found("VirtualMachine", id, context), writer(context)));
  mutation("cancelOperation", ({ id }, context) => {
    writer(context);
    found("Operation", id, context);
    return { operation: world.update("Operation", id, { state: "CANCELLED", step: "Stopped at a safe point", finishedAt: new Date().toISOString() }) };
  });
  mutation("retryOperation", ({ id }, context) => {
    writer(context);
    found("Operation", id, context);
    return { operation: world.update("Operation", id, { state: "SUCCEEDED", progress: 100, step: "Done", reason: null, nextAction: null, finishedAt: new Date().toISOString() }) };
  });
  mutation("declareIncident", ({ input }, context) => {
    const by = writer(context);
    if (input.title.length < 3) throw new Refusal("Say what is wrong in at least three characters.", "VALIDATION_ERROR", { field: "input.title" });
    return { incident: world.declare({ ...input, tenantId: context.tenant?.id ?? null, by }) };
  });
  mutation("acknowledgeIncident", ({ id }, context) => {
    const by = writer(context);
    const incident = found("Incident", id, context);
    const next = world.update("Incident", id, { commander: by, respondedAt: incident.respondedAt ?? new Date().toISOString() });
    world.note(next, "response", `${by} took the incident.`, by);
    return { incident: next };
  });
  mutation("updateIncident", ({ id, input }, context) => {
    const by = writer(context);
    const incident = found("Incident", id, context);
    const { reason, ...fields } = input;
    const patch = Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
    if (patch.severity && patch.severity !== incident.severity) {
      if (!reason) throw new Refusal("A change of severity needs a reason.", "VALIDATION_ERROR", { field: "input.reason" });
      world.note(incident, "severity", `${incident.severity} → ${patch.severity}: ${reason}`, by);
    }
    return { incident: world.update("Incident", id, patch) };
  });
  mutation("setIncidentStatus", ({ id, status, note }, context) => {
    const by = writer(context);
    return { incident: world.setStatus(found("Incident", id, context), status, note, by) };
  });
  mutation("addIncidentNote", ({ id, body }, context) => {
    const by = writer(context);
    const incident = found("Incident", id, context);
    world.note(incident, "note", body, by);
    return { incident };
  });
  mutation("restartIncidentGuest", ({ id }, context) => world.restartGuest(found("Incident", id, context), writer(context)));

  mutation("createServiceAccount", ({ input }, context) => ({ serviceAccount: world.createServiceAccount(context.tenant, input, writer(context)) }));
  mutation("deleteServiceAccount", ({ id }, context) => {
    writer(context);
    found("ServiceAccount", id, context);
    for (const key of rowsOf("ApiKey")) if (key.serviceAccountId === id) world.remove("ApiKey", key.id);
    world.remove("ServiceAccount", id);
    return { serviceAccountId: id };
  });
  mutation("createApiKey", ({ input }, context) => world.createKey(found("ServiceAccount", input.serviceAccountId, context), input, writer(context)));
  mutation("rotateApiKey", ({ id, overlapSeconds }, context) => {
    const by = writer(context);
    const old = found("ApiKey", id, context);
    world.update("ApiKey", id, { rotatedAt: new Date().toISOString(), expiresAt: new Date(Date.now() + overlapSeconds * 1000).toISOString() });
    return world.createKey(tables.ServiceAccount.get(old.serviceAccountId), old, by);
  });
  mutation("revokeApiKey", ({ id }, context) => {
    writer(context);
    found("ApiKey", id, context);
    world.remove("ApiKey", id);
    return { apiKeyId: id };
  });

  async function* changes(type, args, context) {
    const after = args.after ? String(args.after).split(":") : null;
    let next = after ? Number(after[1]) : world.events.length;
    if (after && (after[0] !== world.epoch || next > world.events.length || next < world.retained())) {
      next = world.events.length;
      yield { kind: "RESYNC", cursor: world.cursor(), id: null, node: null };
    }
    let wake = () => {};
    const listener = () => wake();
    world.listeners.add(listener);
    try {
      for (;;) {
        while (next < world.events.length) {
          const event = world.events[next++];
          const ours = !context.tenant || event.tenantId === context.tenant.id || event.id === context.tenant.id;
          if (event.type !== type || !ours || (args.id && args.id !== event.id)) continue;
          const node = event.kind === "DELETED" ? null : (tables[type].get(event.id) ?? null);
          if (!node && event.kind !== "DELETED") continue;
          yield { kind: event.kind, cursor: `${world.epoch}:${event.seq}`, id: event.id, node };
        }
        await new Promise((resolve) => (wake = resolve));
      }
    } finally {
      world.listeners.delete(listener);
    }
  }
  const feeds = { tenantChanged: "Tenant", virtualMachineChanged: "VirtualMachine", operationChanged: "Operation", incidentChanged: "Incident", incidentEntryChanged: "IncidentEntry", alertChanged: "Alert", apiKeyChanged: "ApiKey" };
  for (const [name, type] of Object.entries(feeds)) {
    const definition = schema.getSubscriptionType().getFields()[name];
    definition.subscribe = (_, args, context) => changes(type, args, context);
    definition.resolve = (payload) => payload;
  }
  return schema;
}
