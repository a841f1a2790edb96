// Search or run: places, acts of this scope, machines and tenants by name.
import { useEffect, useState, type ComponentType, type SVGProps } from "react";
import { Autocomplete } from "react-aria-components/Autocomplete";
import { Dialog } from "react-aria-components/Dialog";
import { Input } from "react-aria-components/Input";
import { Menu, MenuItem } from "react-aria-components/Menu";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { SearchField } from "react-aria-components/SearchField";
import Building2 from "lucide-react/dist/esm/icons/building-2.mjs";
import KeyRound from "lucide-react/dist/esm/icons/key-round.mjs";
import Keyboard from "lucide-react/dist/esm/icons/keyboard.mjs";
import LogOut from "lucide-react/dist/esm/icons/log-out.mjs";
import Plus from "lucide-react/dist/esm/icons/plus.mjs";
import Rows3 from "lucide-react/dist/esm/icons/rows-3.mjs";
import Server from "lucide-react/dist/esm/icons/server.mjs";
import Siren from "lucide-react/dist/esm/icons/siren.mjs";
import SunMoon from "lucide-react/dist/esm/icons/sun-moon.mjs";
import Terminal from "lucide-react/dist/esm/icons/terminal.mjs";
import { MachineListDocument } from "../gql/graphql";
import { nextDensity, toggleTheme } from "../lib/look";
import { useConnection, useGo, useScope } from "../lib/scope";
import { signOut } from "../lib/session";
import { machineStates } from "../ui/badges";
import { useScopeChoices } from "./scopes";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

interface Command {
  id: string;
  label: string;
  hint: string;
  keys?: string;
  icon: ComponentType<SVGProps<SVGSVGElement>>;
  run(): void;
}

const recentKey = "phoenix.recent";
const readRecent = (): string[] => {
  try {
    return JSON.parse(localStorage.getItem(recentKey) ?? "[]");
  } catch {
    return [];
  }
};

/** Every word of the text must begin a word of the command, or appear in it. */
export const commandMatches = (text: string, command: { label: string; hint: string }) => {
  const hay = `${command.label} ${command.hint}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
};

export default function Palette({ onClose, onKeys }: { onClose(): void; onKeys(): void }) {
  const { base, tenant } = useScope();
  const connection = useConnection();
  const go = useGo();
  const [text, setText] = useState("");
  const [machines, setMachines] = useState<Command[]>([]);
  const scopes = useScopeChoices(text, true);

  useEffect(() => {
    if (!text) return;
    let current = true;
    const timer = setTimeout(
      () =>
        void connection
          .query(MachineListDocument, { first: 8, filter: { name: { contains: text.split(/\s+/).at(-1)! } }, orderBy: "NAME" })
          .then(({ virtualMachines }) => {
            if (!current) return;
            setMachines(
              virtualMachines.nodes.flatMap((machine) => {
                const at = `/t/${machine.tenant.name}/virtual-machines/${machine.id}`;
                const hint = `${machineStates[machine.state].word}${tenant ? "" : ` · ${machine.tenant.displayName}`}`;
                return [
                  { id: at, label: machine.name, hint, icon: Server, run: () => go(at) },
                  { id: `${at}#console`, label: `Console of ${machine.name}`, hint, icon: Terminal, run: () => go(`${at}?tab=console`) },
                ];
              }),
            );
          })
          .catch(() => undefined),
      120,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, connection, go, tenant]);

  const commands: Command[] = [
    ...(tenant
      ? [
          { id: "create-vm", label: "Create virtual machine", hint: `in ${tenant.displayName}`, keys: "c", icon: Plus, run: () => go(`${base}/virtual-machines/new`) },
          { id: "keys-page", label: "API keys", hint: "page", keys: "g y", icon: KeyRound, run: () => go(`${base}/api-keys`) },
          { id: "create-key", label: "Create API key", hint: `in ${tenant.displayName}`, icon: Plus, run: () => go(`${base}/api-keys?create=1`) },
        ]
      : [
          { id: "tenants", label: "Tenants", hint: "page", keys: "g t", icon: Building2, run: () => go(`${base}/tenants`) },
          { id: "create-tenant", label: "Create tenant", hint: "on the platform", icon: Plus, run: () => go(`${base}/tenants?create=1`) },
        ]),
    { id: "vms", label: "Virtual machines", hint: "page", keys: "g v", icon: Server, run: () => go(`${base}/virtual-machines`) },
    { id: "incidents", label: "Incidents", hint: "page", keys: "g i", icon: Siren, run: () => go(`${base}/incidents`) },
    { id: "declare", label: "Declare incident", hint: tenant ? `in ${tenant.displayName}` : "on the platform", icon: Siren, run: () => go(`${base}/incidents?declare=1`) },
    { id: "theme", label: "Dark or light theme", hint: "look", keys: "Shift D", icon: SunMoon, run: toggleTheme },
    { id: "density", label: "Row height", hint: "look", keys: "d", icon: Rows3, run: nextDensity },
    { id: "keys", label: "Keyboard shortcuts", hint: "help", keys: "?", icon: Keyboard, run: onKeys },
    { id: "out", label: "Sign out", hint: "session", icon: LogOut, run: () => void signOut().catch(() => undefined) },
  ];
  const recent = readRecent();
  const rank = (command: Command) => {
    const at = recent.indexOf(command.id);
    return at < 0 ? recent.length : at;
  };
  const places: Command[] = scopes.map((scope) => ({
    id: scope.href,
    label: scope.label,
    hint: `switch to ${scope.hint}`,
    icon: Building2,
    run: () => go(scope.href),
  }));
  const shown = [
    ...commands.filter((command) => commandMatches(text, command)).sort((a, b) => rank(a) - rank(b)),
    ...(text ? machines : []),
    ...(text ? places : places.slice(0, 4)),
  ];

  const run = (id: string) => {
    const command = shown.find((one) => one.id === id);
    if (!command) return;
    localStorage.setItem(recentKey, JSON.stringify([id, ...recent.filter((one) => one !== id)].slice(0, 12)));
    onClose();
    command.run();
  };

  return (
    <ModalOverlay isOpen onOpenChange={(open) => !open && onClose()} isDismissable className={ui.scrim!}>
      <Modal className={ui.modal!}>
        <Dialog aria-label="Search or run" className={styles.palette!}>
          <Autocomplete inputValue={text} onInputChange={setText}>
            <SearchField aria-label="Search or run" autoFocus className={styles.paletteField!}>
              <Input placeholder="Type a page, a machine, a tenant or an act" className={styles.paletteInput!} />
            </SearchField>
            <Menu
              aria-label="Results"
              className={styles.paletteList!}
              items={shown}
              onAction={(id) => run(String(id))}
              renderEmptyState={() => <p className={ui.menuHeader}>Nothing matches “{text}”.</p>}
            >
              {(command) => (
                <MenuItem id={command.id} textValue={command.label} className={ui.item!}>
                  <command.icon aria-hidden />
                  <span className={ui.itemText}>{command.label}</span>
                  <span className={ui.itemKey}>{command.keys ?? command.hint}</span>
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
