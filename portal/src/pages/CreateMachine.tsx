import { useEffect, useMemo, useRef, useState, type FormEvent } from "react";
import { ListBox, ListBoxItem } from "react-aria-components/ListBox";
import Plus from "lucide-react/dist/esm/icons/plus.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";
import {
  CreateMachineDocument,
  ImageListDocument,
  MachineNameTakenDocument,
  TenantQuotasDocument,
  type ImageListQuery,
  type TenantQuotasQuery,
} from "../gql/graphql";
import { asApiError, fieldErrors, newIdempotencyKey, platformScope, execute, type ApiError } from "../lib/api";
import { notify } from "../lib/notices";
import { useConnection, useDenied, useGo, useScope } from "../lib/scope";
import { useDebounced } from "../lib/useDebounced";
import { QuotaBar, Copyable } from "../ui/badges";
import { PageTitle } from "../ui/PageTitle";
import { Button, IconButton } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Select } from "../ui/Select";
import { Go } from "../ui/Go";
import { Band, Empty, ErrorBand, Skeleton } from "../ui/States";
import { machineAddress } from "./machineActs";
import { asCommand, asGraphql, emptyDraft, keysProblem, nameProblem, numberProblem, portProblem, toInput, type Draft } from "./createMachine.logic";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

type ImageRow = ImageListQuery["images"]["nodes"][number];
type QuotaRow = NonNullable<TenantQuotasQuery["tenant"]>["quotas"]["nodes"][number];

const quotaWords: Record<string, string> = {
  vcpus: "CPUs",
  memory_mib: "Memory",
  instances: "Machines",
  storage_gib: "Disk",
};

const memory = (mib: number) => (mib >= 1024 ? `${Number((mib / 1024).toFixed(1))} GiB` : `${mib} MiB`);
const quotaFormat: Record<string, (value: number) => string> = { memory_mib: memory, storage_gib: (gib) => `${gib} GiB` };

const presets = [
  { label: "Micro", vcpus: "1", memoryMib: "128", diskGib: "1" },
  { label: "Small", vcpus: "1", memoryMib: "512", diskGib: "4" },
  { label: "Medium", vcpus: "2", memoryMib: "2048", diskGib: "20" },
];

/** The image that runs in the smallest machine. */
const firstChoice = (images: ImageRow[]): ImageRow | undefined =>
  [...images].sort((left, right) => left.minMemoryMib - right.minMemoryMib)[0];

/** Choosing an image never leaves a size in which it cannot run. */
const fitted = (draft: Draft, image: ImageRow | undefined): Partial<Draft> =>
  image
    ? {
        image: image.name,
        memoryMib: String(Math.max(Number(draft.memoryMib) || 0, image.minMemoryMib)),
        diskGib: String(Math.max(Number(draft.diskGib) || 0, image.minDiskGib)),
      }
    : {};

export function CreateMachinePage() {
  const { tenant, base } = useScope();
  const connection = useConnection();
  const go = useGo();
  const denied = useDenied("TENANT_MEMBER");
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const [images, setImages] = useState<ImageRow[] | null>(null);
  const [imagesError, setImagesError] = useState<ApiError | null>(null);
  const [quotas, setQuotas] = useState<QuotaRow[]>([]);
  const [taken, setTaken] = useState<string | null>(null);
  const [free, setFree] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [shape, setShape] = useState<"cli" | "graphql">("cli");
  const nameInput = useRef<HTMLInputElement>(null);
  // One key for one intent: sending the same form again after a lost answer creates nothing twice.
  const key = useRef(newIdempotencyKey());

  const set = (patch: Partial<Draft>) => {
    key.current = newIdempotencyKey();
    setDraft((before) => ({ ...before, ...patch }));
    setError(null);
  };

  const loadImages = () => {
    setImagesError(null);
    connection
      .query(ImageListDocument, {})
      .then(({ images }) => {
        setImages(images.nodes);
        setDraft((before) => (before.image ? before : { ...before, ...fitted(before, firstChoice(images.nodes)) }));
      })
      .catch((reason: unknown) => setImagesError(asApiError(reason)));
  };

  useEffect(() => {
    loadImages();
    if (tenant)
      connection
        .query(TenantQuotasDocument, { id: tenant.id })
        .catch(() => execute(TenantQuotasDocument, { id: tenant.id }, platformScope))
        .then((answer) => setQuotas(answer.tenant?.quotas.nodes ?? []))
        .catch(() => undefined);
    nameInput.current?.focus();
    // Once per scope.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [connection, tenant]);

  useDebounced(draft.name, (name) => {
    if (nameProblem(name)) return;
    connection
      .query(MachineNameTakenDocument, { name })
      .then(({ virtualMachines }) => (virtualMachines.nodes.length ? setTaken(name) : setFree(name)))
      .catch(() => undefined);
  });

  const image = images?.find((one) => one.name === draft.image);
  const problems = useMemo(() => {
    const found: Record<string, string | null> = {
      name: nameProblem(draft.name) ?? (taken === draft.name ? "A machine of this tenant has this name." : null),
      image: draft.image ? null : "Choose an image.",
      vcpus: numberProblem(draft.vcpus, 1, 256),
      memoryMib: numberProblem(draft.memoryMib, Math.max(64, image?.minMemoryMib ?? 0), 1 << 20, image && `${image.name} needs ${image.minMemoryMib} MiB.`),
      diskGib: numberProblem(draft.diskGib, Math.max(1, image?.minDiskGib ?? 0), 65536, image && `${image.name} needs ${image.minDiskGib} GiB.`),
      sshKeys: keysProblem(draft.sshKeys),
      userData: new TextEncoder().encode(draft.userData).length > 16384 ? "At most 16 KiB." : null,
    };
    draft.forwards.forEach((one, index) => {
      found[`forward-${index}`] = portProblem(one.hostPort, 1024) ?? portProblem(one.guestPort, 1);
    });
    return found;
  }, [draft, taken, image]);
  const ready = Object.values(problems).every((one) => !one);
  const served = fieldErrors(error);
  const input = toInput(draft);
  const cost: Record<string, number> = {
    vcpus: input.vcpus || 0,
    memory_mib: input.memoryMib || 0,
    instances: 1,
    storage_gib: input.diskGib || 0,
  };

  async function submit(event?: FormEvent) {
    event?.preventDefault();
    setTried(true);
    if (!ready || busy || denied) return;
    setBusy(true);
    setError(null);
    try {
      const { createVirtualMachine } = await connection.mutate(CreateMachineDocument, { input, key: key.current });
      notify("ok", `${draft.name} is being created.`);
      go(createVirtualMachine.virtualMachine ? machineAddress(createVirtualMachine.virtualMachine) : `${base}/virtual-machines`);
    } catch (reason) {
      const known = asApiError(reason);
      setError(known);
      if (known.code !== "UNREACHABLE") key.current = newIdempotencyKey();
    } finally {
      setBusy(false);
    }
  }

  /** The server's word first, then ours once there is something to judge. */
  const errorOf = (field: keyof Draft, touched: boolean) => served[field] ?? (touched || tried ? problems[field] : null);
  const forwardError = Object.entries(served).find(([field]) => field.startsWith("portForwards"))?.[1];
  const known = new Set(["name", "image", "vcpus", "memoryMib", "diskGib", "sshKeys", "userData"]);
  const unplaced = error && !Object.keys(served).some((field) => known.has(field)) && !forwardError ? error : null;
  const code = shape === "cli" ? asCommand(input, tenant?.name ?? "") : asGraphql(input);

  return (
    <form
      onSubmit={(event) => void submit(event)}
      onKeyDownCapture={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        void submit();
      }}
      noValidate
    >
      <div className={styles.head}>
        <PageTitle>Create virtual machine</PageTitle>
        <span className={styles.sub}>in {tenant?.displayName}</span>
      </div>
      <div className={styles.create}>
        <div>
          <div className={styles.section}>
            <TextField
              label="Name"
              name="name"
              value={draft.name}
              onChange={(name) => set({ name })}
              error={errorOf("name", draft.name !== "")}
              good={free === draft.name && !problems.name ? "Free" : null}
              hint="A host name: lower-case letters, digits and hyphens."
              autoComplete="off"
              mono
              inputRef={nameInput}
            />
          </div>
          <div className={styles.section}>
            <h2 id="image-heading">Image</h2>
            {imagesError ? (
              <ErrorBand what="The images could not be read" error={imagesError} onRetry={loadImages} />
            ) : images === null ? (
              <Skeleton width="40%" />
            ) : images.length === 0 ? (
              <Empty title="The catalogue has no images">A platform administrator can import one with phoenix ctl image import.</Empty>
            ) : (
              <ListBox
                aria-labelledby="image-heading"
                className={styles.images!}
                layout="grid"
                orientation="horizontal"
                selectionMode="single"
                disallowEmptySelection
                selectedKeys={draft.image ? [draft.image] : []}
                onSelectionChange={(keys) => {
                  const chosen = keys === "all" ? undefined : images.find((one) => keys.has(one.name));
                  if (chosen) set(fitted(draft, chosen));
                }}
              >
                {images.map((one) => (
                  <ListBoxItem key={one.name} id={one.name} textValue={one.name} className={styles.image!}>
                    <b>{one.name}</b>
                    <span>{one.description}</span>
                    <span>
                      {one.format} · from {memory(one.minMemoryMib)}, {one.minDiskGib} GiB
                    </span>
                  </ListBoxItem>
                ))}
              </ListBox>
            )}
            <span className={ui.help} data-tone="bad">
              {errorOf("image", false)}
            </span>
          </div>
          <div className={styles.section}>
            <div className={styles.cardHead}>
              <h2>Size</h2>
              <div className={styles.chips} role="group" aria-label="Usual sizes">
                {presets.map(({ label, ...preset }) => (
                  <button
                    key={label}
                    type="button"
                    className={styles.chip}
                    aria-pressed={Object.entries(preset).every(([field, value]) => draft[field as keyof Draft] === value)}
                    onClick={() => set(preset)}
                  >
                    {label}
                  </button>
                ))}
              </div>
            </div>
            <div className={styles.three}>
              <TextField label="CPUs" name="vcpus" type="number" min={1} value={draft.vcpus} onChange={(vcpus) => set({ vcpus })} error={errorOf("vcpus", true)} />
              <TextField label="Memory, MiB" name="memoryMib" type="number" min={64} step={64} value={draft.memoryMib} onChange={(memoryMib) => set({ memoryMib })} error={errorOf("memoryMib", true)} />
              <TextField label="Disk, GiB" name="diskGib" type="number" min={1} value={draft.diskGib} onChange={(diskGib) => set({ diskGib })} error={errorOf("diskGib", true)} />
            </div>
          </div>
          <div className={styles.section}>
            <h2>Access</h2>
            <TextField label="SSH public keys" optional rows={3} mono value={draft.sshKeys} onChange={(sshKeys) => set({ sshKeys })} error={errorOf("sshKeys", draft.sshKeys !== "")} hint="One a line." placeholder="ssh-ed25519 AAAA… you@laptop" />
            <div>
              <span className={ui.label}>
                Port forwards <span className={ui.optional}>(optional)</span>
              </span>
            </div>
            {draft.forwards.map((one, index) => {
              const change = (patch: Partial<typeof one>) =>
                set({ forwards: draft.forwards.map((other, at) => (at === index ? { ...other, ...patch } : other)) });
              const problem = problems[`forward-${index}`];
              return (
                // Rows have no identity but their place.
                <div key={index} className={styles.forward}>
                  <TextField label="Host port" type="number" value={one.hostPort} onChange={(hostPort) => change({ hostPort })} error={one.hostPort || tried ? portProblem(one.hostPort, 1024) : null} hint="1024 to 65535" />
                  <TextField label="Guest port" type="number" value={one.guestPort} onChange={(guestPort) => change({ guestPort })} error={one.guestPort || (tried && problem) ? portProblem(one.guestPort, 1) : null} hint="In the machine" />
                  <Select label="Protocol" value={one.protocol} onChange={(protocol) => change({ protocol })} options={[{ id: "tcp", label: "TCP" }, { id: "udp", label: "UDP" }]} />
                  <IconButton label="Remove this forward" onPress={() => set({ forwards: draft.forwards.filter((_, at) => at !== index) })}>
                    <X aria-hidden />
                  </IconButton>
                </div>
              );
            })}
            {forwardError && (
              <span className={ui.help} data-tone="bad">
                {forwardError}
              </span>
            )}
            <div>
              <Button onPress={() => set({ forwards: [...draft.forwards, { hostPort: "", guestPort: "22", protocol: "tcp" }] })}>
                <Plus aria-hidden />
                Forward a port
              </Button>
            </div>
          </div>
          <div className={styles.section}>
            <TextField label="User data" optional rows={5} mono value={draft.userData} onChange={(userData) => set({ userData })} error={errorOf("userData", draft.userData !== "")} hint="For cloud-init, at most 16 KiB." placeholder="#cloud-config" />
          </div>
          {unplaced && <ErrorBand what="The machine was not created" error={unplaced} />}
          <div className={styles.actions}>
            <Button type="submit" tone="primary" denied={denied} isDisabled={busy}>
              {busy ? "Sending…" : "Create machine"}
            </Button>
            <Go href={`${base}/virtual-machines`} className={ui.button} data-tone="quiet">
              Cancel
            </Go>
            <kbd className={ui.kbd}>Ctrl Enter</kbd>
          </div>
        </div>
        <aside className={styles.aside} aria-label="Effect">
          <section className={styles.card}>
            <h2>Quota after this</h2>
            {quotas.length === 0 && <p className={styles.sub}>No limits are set for this tenant.</p>}
            {quotas.map((quota) => (
              <QuotaBar
                key={quota.id}
                label={quotaWords[quota.dimension] ?? quota.dimension}
                used={quota.used}
                maximum={quota.maximum}
                adding={cost[quota.dimension] ?? 0}
                format={quotaFormat[quota.dimension]}
              />
            ))}
            {quotas.some((quota) => quota.used + (cost[quota.dimension] ?? 0) > quota.maximum) && (
              <Band tone="warn">
                <div>This is more than the quota allows. Make it smaller, or ask a platform administrator for more.</div>
              </Band>
            )}
          </section>
          <section className={styles.card}>
            <div className={styles.cardHead}>
              <h2>The same as</h2>
              <div className={styles.chips} role="group" aria-label="Show as">
                <button type="button" className={styles.chip} aria-pressed={shape === "cli"} onClick={() => setShape("cli")}>
                  CLI
                </button>
                <button type="button" className={styles.chip} aria-pressed={shape === "graphql"} onClick={() => setShape("graphql")}>
                  GraphQL
                </button>
              </div>
            </div>
            <pre className={styles.code} tabIndex={0}>
              {code}
            </pre>
            <Copyable text={code} shown="Copy" label={shape === "cli" ? "command" : "mutation"} />
          </section>
        </aside>
      </div>
    </form>
  );
}
