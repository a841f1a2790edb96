// A small pretend platform in memory: tenants, machines, operations, incidents and a log of events. It exists so that
// the portal's pages can be driven without the server; it promises nothing about how the server works inside.
import { randomUUID } from "node:crypto";

const minute = 60_000;
const targets = {
  P0: [5 * minute, 60 * minute],
  P1: [15 * minute, 240 * minute],
  P2: [60 * minute, 24 * 60 * minute],
  P3: [240 * minute, 7 * 24 * 60 * minute],
};

export class Refusal extends Error {
  constructor(message, code, extra = {}) {
    super(message);
    this.extensions = { code, reason: extra.reason ?? code.toLowerCase(), requestId: randomUUID(), ...extra };
  }
}

export function createWorld({ stepMs = 400, seeded = true } = {}) {
  const tables = Object.fromEntries(
    ["Tenant", "User", "Membership", "Quota", "Site", "Image", "VirtualMachine", "Operation", "Incident", "IncidentEntry", "Alert", "ServiceAccount", "ApiKey"].map((name) => [name, new Map()]),
  );
  const epoch = randomUUID().slice(0, 8);
  const events = [];
  const listeners = new Set();
  const timers = new Set();
  let incidentNumber = 0;
  let retained = 0;

  const iso = (ago = 0) => new Date(Date.now() - ago).toISOString();
  const later = (ms, act) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
    return timer;
  };

  function emit(type, kind, row) {
    const event = { seq: events.length + 1, type, kind, id: row.id, tenantId: row.tenantId ?? null };
    events.push(event);
    for (const listener of listeners) listener(event);
  }

  function insert(type, fields, { silent = false } = {}) {
    const row = { __typename: type, id: randomUUID(), createdAt: iso(), updatedAt: iso(), version: 1, ...fields };
    tables[type].set(row.id, row);
    if (!silent) emit(type, "CREATED", row);
    return row;
  }

  function update(type, id, patch) {
    const row = tables[type].get(id);
    if (!row) return null;
    const next = { ...row, ...patch, version: row.version + 1, updatedAt: iso() };
    tables[type].set(id, next);
    emit(type, "UPDATED", next);
    return next;
  }

  function remove(type, id) {
    const row = tables[type].get(id);
    if (!row) return;
    tables[type].delete(id);
    emit(type, "DELETED", row);
  }

  const site = insert("Site", { name: "accra-1", region: "gh-accra", status: "ACTIVE" }, { silent: true });
  const micro = insert("Image", { name: "micro", state: "READY", stateReason: null, description: "Kernel and busybox; boots in seconds.", format: "micro", sha256: "0".repeat(64), sizeMib: 12, minMemoryMib: 96, minDiskGib: 1 }, { silent: true });
  insert("Image", { name: "debian-12", state: "READY", stateReason: null, description: "Debian 12 with cloud-init.", format: "qcow2", sha256: "1".repeat(64), sizeMib: 420, minMemoryMib: 512, minDiskGib: 4 }, { silent: true });

  const admin = insert("User", { email: "ama@sankofa.example", name: "Ama Owusu", password: "correct horse battery", platformAdmin: true }, { silent: true });
  const viewer = insert("User", { email: "kofi@sankofa.example", name: "Kofi Mensah", password: "correct horse battery", platformAdmin: false }, { silent: true });
  const oneTime = new Map();

  function createTenant({ name, displayName, tier }, owner) {
    if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw new Refusal("A tenant's name has lower-case letters, digits and hyphens.", "VALIDATION_ERROR", { field: "input.name" });
    if ([...tables.Tenant.values()].some((one) => one.name === name)) throw new Refusal(`A tenant named ${name} exists.`, "CONFLICT", { field: "input.name", reason: "tenancy.name_taken" });
    const tenant = insert("Tenant", { name, displayName: displayName || name, tier: tier ?? "STANDARD", status: "ACTIVE" });
    insert("Membership", { userId: owner.id, tenantId: tenant.id, role: "TENANT_OWNER" }, { silent: true });
    for (const [dimension, maximum] of [["instances", 10], ["vcpus", 16], ["memory_mib", 16384], ["storage_gib", 200]])
      insert("Quota", { tenantId: tenant.id, dimension, maximum }, { silent: true });
    return tenant;
  }

  const quotaUse = (tenantId, dimension) => {
    const machines = [...tables.VirtualMachine.values()].filter((one) => one.tenantId === tenantId);
    const share = { instances: () => 1, vcpus: (m) => m.vcpus, memory_mib: (m) => m.memoryMib, storage_gib: (m) => m.diskGib }[dimension];
    return machines.reduce((sum, machine) => sum + share(machine), 0);
  };

  /** Runs an operation's steps one after another; `during` may change the machine at each. */
  function operate(kind, machine, by, steps, onEnd) {
    const operation = insert("Operation", {
      tenantId: machine.tenantId,
      kind,
      state: "PENDING",
      objectType: "VirtualMachine",
      objectId: machine.id,
      objectName: machine.name,
      progress: 0,
      step: "Waits for its turn",
      attempts: 0,
      reason: null,
      nextAction: null,
      requestedBy: by,
      deadlineAt: iso(-10 * minute),
      startedAt: null,
      finishedAt: null,
    });
    const run = (index) => {
      const now = tables.Operation.get(operation.id);
      if (now.state === "CANCELLED") return;
      if (index === steps.length) {
        update("Operation", operation.id, { state: "SUCCEEDED", progress: 100, step: "Done", finishedAt: iso() });
        onEnd?.();
        return;
      }
      const step = steps[index];
      update("Operation", operation.id, { state: "RUNNING", startedAt: now.startedAt ?? iso(), attempts: 1, step: step.words, progress: Math.round(((index + 0.4) / steps.length) * 100) });
      if (step.machine) update("VirtualMachine", machine.id, { stateSince: iso(), lastSeenAt: iso(), stateReason: null, nextAction: null, ...step.machine });
      if (step.fail) {
        update("Operation", operation.id, { state: "FAILED", reason: step.fail, nextAction: "Retry; the steps before this one are kept.", finishedAt: iso() });
        return;
      }
      later(step.ms ?? stepMs, () => run(index + 1));
    };
    later(stepMs / 2, () => run(0));
    return operation;
  }

  const boot = [
    { words: "Starts the guest process", machine: { state: "STARTING", desiredState: "RUNNING", providerState: "prelaunch" } },
    { words: "Waits for the hypervisor", machine: { state: "RUNNING", providerState: "running" } },
  ];
  const powerOff = [
    { words: "Presses the power button", machine: { state: "STOPPING", desiredState: "STOPPED" } },
    { words: "Waits for the guest", machine: { state: "STOPPED", providerState: "shutdown", bootedAt: null } },
  ];

  function createMachine(tenant, input, by) {
    const name = input.name ?? "";
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw new Refusal("A machine's name is a host name.", "VALIDATION_ERROR", { field: "input.name", reason: "compute.bad_name" });
    if ([...tables.VirtualMachine.values()].some((one) => one.tenantId === tenant.id && one.name === name))
      throw new Refusal(`A machine named ${name} exists in this tenant.`, "CONFLICT", { field: "input.name", reason: "compute.name_taken" });
    const image = [...tables.Image.values()].find((one) => one.name === input.image);
    if (!image) throw new Refusal(`There is no image ${input.image}.`, "VALIDATION_ERROR", { field: "input.image" });
    if (input.memoryMib === 13) throw new Refusal("The host has no such memory bank.", "VALIDATION_ERROR", { field: "input.memoryMib" });
    const used = quotaUse(tenant.id, "instances");
    const limit = [...tables.Quota.values()].find((one) => one.tenantId === tenant.id && one.dimension === "instances").maximum;
    if (used + 1 > limit) throw new Refusal(`The quota allows ${limit} machines; ${used} exist.`, "QUOTA_EXCEEDED", { nextAction: "Delete a machine or ask for a larger quota." });
    const machine = insert("VirtualMachine", {
      tenantId: tenant.id,
      name,
      imageId: image.id,
      siteId: site.id,
      vcpus: input.vcpus ?? 1,
      memoryMib: input.memoryMib ?? 128,
      diskGib: input.diskGib ?? 1,
      state: "PENDING",
      stateSince: iso(),
      stateReason: null,
      nextAction: null,
      providerState: null,
      desiredState: "RUNNING",
      bootedAt: null,
      lastSeenAt: null,
      portForwards: input.portForwards ?? [],
      generation: 1,
      observedGeneration: 0,
      createdBy: by,
    });
    const operation = operate(
      "vm.create",
      machine,
      by,
      [
        { words: "Copies the image", machine: { state: "PROVISIONING" } },
        { words: "Writes the seed disk" },
        ...boot,
      ],
      () => later(stepMs, () => update("VirtualMachine", machine.id, { bootedAt: iso(), lastSeenAt: iso() })),
    );
    return { virtualMachine: tables.VirtualMachine.get(machine.id), operation };
  }

  function power(kind, machine, by) {
    const act = {
      start: () => operate("vm.start", machine, by, boot),
      stop: () => operate("vm.stop", machine, by, powerOff),
      reboot: () => operate("vm.reboot", machine, by, [...powerOff.slice(0, 1), ...boot]),
      pause: () => operate("vm.pause", machine, by, [{ words: "Pauses the processors", machine: { state: "PAUSED", desiredState: "PAUSED", providerState: "paused" } }]),
      resume: () => operate("vm.resume", machine, by, [{ words: "Resumes the processors", machine: { state: "RUNNING", desiredState: "RUNNING", providerState: "running" } }]),
      delete: () => operate("vm.delete", machine, by, [{ words: "Stops the guest", machine: { state: "DELETING", desiredState: "DELETED" } }, { words: "Removes the disks" }], () => remove("VirtualMachine", machine.id)),
    }[kind];
    const operation = act();
    return { virtualMachine: tables.VirtualMachine.get(machine.id), operation };
  }

  function createServiceAccount(tenant, { name, role }, by) {
    if (!/^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$/.test(name)) throw new Refusal("A name has 2 to 40 lower-case letters, digits and hyphens, no hyphen at its ends.", "VALIDATION_ERROR", { field: "input.name" });
    if ([...tables.ServiceAccount.values()].some((one) => one.tenantId === tenant.id && one.name === name))
      throw new Refusal("There is a service account of this name.", "CONFLICT", { field: "input.name", reason: "service_account.name_taken" });
    return insert("ServiceAccount", { tenantId: tenant.id, name, role, createdBy: by });
  }

  function createKey(account, { scopes, allowedAddresses = [], expiresAt = null }, by) {
    for (const network of allowedAddresses)
      if (!/^[0-9a-f.:]+(\/\d+)?$/.test(network)) throw new Refusal("A network is written 192.0.2.0/24 or 2001:db8::/32; an address alone is one too.", "VALIDATION_ERROR", { field: "input.allowedAddresses" });
    const secret = `phxk_${(randomUUID() + randomUUID()).replaceAll("-", "").slice(0, 43)}`;
    const apiKey = insert("ApiKey", { tenantId: account.tenantId, serviceAccountId: account.id, prefix: secret.slice(0, 11), scopes, allowedAddresses, expiresAt, rotatedAt: null, lastUsedAt: null, createdBy: by });
    return { apiKey, secret };
  }

  const note = (incident, kind, body, actor) => insert("IncidentEntry", { incidentId: incident.id, tenantId: incident.tenantId, at: iso(), kind, body, actor });

  function declare({ tenantId = null, title, severity, affectedServices = [], impact = "", virtualMachineId = null, origin = "manual", by, ago = 0 }) {
    incidentNumber++;
    const [respond, resolve] = targets[severity];
    const started = Date.now() - ago;
    const incident = insert("Incident", {
      tenantId,
      number: incidentNumber,
      reference: `INC-${incidentNumber}`,
      title,
      severity,
      status: "INVESTIGATING",
      affectedServices,
      impact,
      rootCause: "",
      resolution: "",
      channel: `incident-${iso().slice(0, 10)}-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 24)}`,
      virtualMachineId,
      origin,
      declaredBy: by,
      commander: null,
      startedAt: new Date(started).toISOString(),
      declaredAt: new Date(started).toISOString(),
      responseDueAt: new Date(started + respond).toISOString(),
      respondedAt: null,
      resolutionDueAt: new Date(started + resolve).toISOString(),
      identifiedAt: null,
      monitoringSince: null,
      monitoringUntil: null,
      resolvedAt: null,
      relapses: 0,
    });
    note(incident, "declared", `Declared as ${severity}: ${title}`, by);
    return incident;
  }

  function setStatus(incident, status, words, by) {
    const patch = { status };
    if (status === "IDENTIFIED") patch.identifiedAt = iso();
    if (status === "MONITORING") Object.assign(patch, { monitoringSince: iso(), monitoringUntil: iso(-5 * minute) });
    if (status === "RESOLVED") patch.resolvedAt = iso();
    if (!incident.respondedAt) patch.respondedAt = iso();
    const next = update("Incident", incident.id, patch);
    note(next, "status", `${incident.status} → ${status}${words ? `: ${words}` : ""}`, by);
    return next;
  }

  /** A guest dies under our hands: the probe notices, an alert fires, an incident opens. */
  function killGuest(machine) {
    update("VirtualMachine", machine.id, { state: "LOST", stateSince: iso(), providerState: "gone", stateReason: "The guest's process is gone.", nextAction: "Start it again, or restart it from the incident." });
    const incident = declare({ tenantId: machine.tenantId, title: `Guest ${machine.name} is down`, severity: "P1", affectedServices: [machine.name], impact: "The guest does not run.", virtualMachineId: machine.id, origin: "alert", by: "probe" });
    insert("Alert", { tenantId: machine.tenantId, fingerprint: "5f2c9e0b7a31d4c8", status: "FIRING", source: "probe", name: "GuestDown", summary: `The process of ${machine.name} is gone.`, labels: { alertname: "GuestDown", vm: machine.name }, annotations: {}, startsAt: iso(), endsAt: null, receivedAt: iso(), deliveries: 1, incidentId: incident.id, virtualMachineId: machine.id });
    note(incident, "alert", `GuestDown fired: the process of ${machine.name} is gone.`, "probe");
    return incident;
  }

  function restartGuest(incident, by) {
    const machine = tables.VirtualMachine.get(incident.virtualMachineId);
    const operation = operate("vm.restart", machine, by, boot, () => {
      for (const alert of tables.Alert.values())
        if (alert.incidentId === incident.id && alert.status === "FIRING") update("Alert", alert.id, { status: "RESOLVED", endsAt: iso() });
      note(incident, "action", `${machine.name} runs again.`, "phoenix");
      setStatus(tables.Incident.get(incident.id), "MONITORING", "the guest runs again", "phoenix");
    });
    note(incident, "action", `Restart of ${machine.name} requested.`, by);
    return { incident: update("Incident", incident.id, {}), operation };
  }

  function report(incident) {
    const lines = [...tables.IncidentEntry.values()].filter((one) => one.incidentId === incident.id);
    return `# ${incident.reference}: ${incident.title}

**Date**: ${incident.startedAt.slice(0, 10)}
**Severity**: ${incident.severity}

## Summary

${incident.impact || "Not stated yet."}

## Timeline

${lines.map((line) => `- ${line.at.slice(11, 19)} ${line.body}`).join("\n")}

## Root cause

${incident.rootCause || "Not known yet."}

## Impact

- Services: ${incident.affectedServices.join(", ") || "none stated"}
- Duration: ${incident.resolvedAt ? "closed" : "still open"}

## Resolution

${incident.resolution || "Not yet."}

## Prevention

1. Add a probe for \`${incident.affectedServices[0] ?? "the service"}\`.
`;
  }

  if (seeded) {
    const acme = createTenant({ name: "acme", displayName: "Acme Ghana", tier: "ENTERPRISE" }, admin);
    createTenant({ name: "kente-labs", displayName: "Kente Labs", tier: "STANDARD" }, admin);
    createTenant({ name: "volta-bank", displayName: "Volta Bank", tier: "SOVEREIGN" }, admin);
    insert("Membership", { userId: viewer.id, tenantId: acme.id, role: "TENANT_VIEWER" }, { silent: true });
    const states = ["RUNNING", "RUNNING", "RUNNING", "STOPPED", "RUNNING", "PAUSED", "DEGRADED"];
    const names = ["web-1", "web-2", "api-1", "batch-1", "db-1", "cache-1", "mail-1"];
    const machines = names.map((name, index) =>
      insert("VirtualMachine", {
        tenantId: acme.id,
        name,
        imageId: micro.id,
        siteId: site.id,
        vcpus: index === 4 ? 4 : 1,
        memoryMib: index === 4 ? 4096 : 256,
        diskGib: index === 4 ? 40 : 2,
        state: states[index],
        stateSince: iso((index + 1) * 17 * minute),
        stateReason: states[index] === "DEGRADED" ? "Its disk answers slowly." : null,
        nextAction: states[index] === "DEGRADED" ? "Look at the host's storage." : null,
        providerState: states[index].toLowerCase(),
        desiredState: states[index] === "STOPPED" ? "STOPPED" : states[index] === "PAUSED" ? "PAUSED" : "RUNNING",
        bootedAt: iso((index + 1) * 16 * minute),
        lastSeenAt: iso(2000),
        portForwards: index === 0 ? [{ hostPort: 8081, guestPort: 80, protocol: "tcp" }] : [],
        generation: 1,
        observedGeneration: 1,
        createdBy: admin.email,
        createdAt: iso((index + 2) * 3600_000),
      }),
    );
    for (const [index, kind] of ["vm.create", "vm.stop", "vm.reboot", "vm.create"].entries())
      insert("Operation", {
        tenantId: acme.id,
        kind,
        state: index === 2 ? "FAILED" : "SUCCEEDED",
        objectType: "VirtualMachine",
        objectId: machines[index].id,
        objectName: machines[index].name,
        progress: index === 2 ? 60 : 100,
        step: index === 2 ? "Waits for the guest" : "Done",
        attempts: index === 2 ? 4 : 1,
        reason: index === 2 ? "The guest did not answer the power button in 60 s." : null,
        nextAction: index === 2 ? "Force stop, then start." : null,
        requestedBy: admin.email,
        deadlineAt: iso(-10 * minute),
        startedAt: iso((index + 1) * 9 * minute),
        finishedAt: iso((index + 1) * 9 * minute - 14_000),
        createdAt: iso((index + 1) * 9 * minute),
      });
    const ci = createServiceAccount(acme, { name: "ci", role: "TENANT_MEMBER" }, admin.email);
    const monitor = createServiceAccount(acme, { name: "alertmanager", role: "TENANT_VIEWER" }, admin.email);
    const day = 24 * 60 * minute;
    for (const [account, fields, seen] of [
      [ci, { scopes: ["READ", "WRITE"], allowedAddresses: ["192.0.2.0/24", "2001:db8::/32"], expiresAt: iso(-80 * day) }, { lastUsedAt: iso(2 * minute), createdAt: iso(10 * day) }],
      [ci, { scopes: ["READ"], expiresAt: iso(-0.6 * day) }, { lastUsedAt: iso(60 * minute), rotatedAt: iso(0.4 * day), createdAt: iso(89 * day) }],
      [monitor, { scopes: ["ALERTS"] }, { createdAt: iso(3 * day) }],
      [monitor, { scopes: ["READ", "WRITE", "CONSOLE", "ALERTS"], expiresAt: iso(-5 * day) }, { lastUsedAt: iso(30 * day), createdAt: iso(85 * day) }],
      [ci, { scopes: ["CONSOLE"], expiresAt: iso(day) }, { createdAt: iso(31 * day) }],
    ])
      Object.assign(createKey(account, fields, admin.email).apiKey, seen);
    const first = declare({ tenantId: acme.id, title: "Checkout answers with errors", severity: "P0", affectedServices: ["checkout", "api"], impact: "One customer in three cannot pay.", by: admin.email, ago: 3.5 * minute });
    note(first, "note", "Errors began with the 10:40 release; api-1 logs time-outs to db-1.", admin.email);
    const second = declare({ tenantId: acme.id, title: "Mail is delivered late", severity: "P2", affectedServices: ["mail"], impact: "Up to 20 minutes late.", by: admin.email, ago: 100 * minute, virtualMachineId: machines[6].id });
    update("Incident", second.id, { respondedAt: iso(80 * minute), commander: admin.email, status: "IDENTIFIED", identifiedAt: iso(40 * minute) });
    declare({ tenantId: acme.id, title: "Report export has a wrong heading", severity: "P3", by: admin.email, ago: 30 * minute });
    declare({ title: "Metrics store is slow", severity: "P1", affectedServices: ["metrics"], impact: "Graphs are late.", by: "probe", origin: "alert", ago: 13 * minute });
    const closed = declare({ tenantId: acme.id, title: "Sign-in failed for some", severity: "P1", by: admin.email, ago: 300 * minute });
    update("Incident", closed.id, { status: "RESOLVED", respondedAt: iso(295 * minute), resolvedAt: iso(200 * minute), commander: admin.email, rootCause: "An expired certificate.", resolution: "Renewed." });
  }

  return {
    tables,
    events,
    epoch,
    admin,
    viewer,
    oneTime,
    listeners,
    cursor: () => `${epoch}:${events.length}`,
    retained: () => retained,
    /** Forgets old events, so that old cursors are answered with RESYNC. */
    forget: () => {
      retained = events.length;
    },
    insert,
    update,
    remove,
    createTenant,
    quotaUse,
    createMachine,
    createServiceAccount,
    createKey,
    power,
    declare,
    setStatus,
    note,
    killGuest,
    restartGuest,
    report,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
