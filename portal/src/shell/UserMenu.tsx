import { Button } from "react-aria-components/Button";
import Keyboard from "lucide-react/dist/esm/icons/keyboard.mjs";
import LogOut from "lucide-react/dist/esm/icons/log-out.mjs";
import Moon from "lucide-react/dist/esm/icons/moon.mjs";
import Rows3 from "lucide-react/dist/esm/icons/rows-3.mjs";
import ShieldCheck from "lucide-react/dist/esm/icons/shield-check.mjs";
import Sun from "lucide-react/dist/esm/icons/sun.mjs";
import { nextDensity, setLook, toggleTheme, useLook } from "../lib/look";
import { notifyError } from "../lib/notices";
import { useGo } from "../lib/scope";
import { signOut, useSession } from "../lib/session";
import { ActionMenu } from "../ui/Menu";
import styles from "./shell.module.css";

export function UserMenu({ onKeys }: { onKeys?: () => void }) {
  const session = useSession();
  const go = useGo();
  const { theme, density, singleKeys } = useLook();
  if (session.phase !== "signed-in" && session.phase !== "expired") return null;
  const { user } = session;
  const name = user.name || user.email;
  const initials = name
    .split(/[\s@.]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((part) => part[0]!.toUpperCase())
    .join("");
  return (
    <ActionMenu
      label="Your menu"
      actions={[
        { id: "theme", label: theme === "dark" ? "Light theme" : "Dark theme", icon: theme === "dark" ? Sun : Moon, run: toggleTheme, shortcut: "Shift D" },
        { id: "density", label: `Row height: ${density}`, icon: Rows3, run: nextDensity, shortcut: "d" },
        ...(onKeys ? [{ id: "keys", label: "Keyboard shortcuts", icon: Keyboard, run: onKeys, shortcut: "?" }] : []),
        {
          id: "single",
          label: singleKeys ? "Switch off single-letter shortcuts" : "Switch on single-letter shortcuts",
          icon: Keyboard,
          run: () => setLook({ singleKeys: !singleKeys }),
        },
        { id: "security", label: "Security of your account", icon: ShieldCheck, run: () => go("/account/security") },
        {
          id: "out",
          label: `Sign out ${user.email}`,
          icon: LogOut,
          run: () => void signOut().catch((error) => notifyError("Sign-out failed", error)),
        },
      ]}
    >
      {(button) => (
        <Button {...button} className={styles.user!} aria-label={`${initials}: ${name}, your menu`}>
          {initials}
        </Button>
      )}
    </ActionMenu>
  );
}
