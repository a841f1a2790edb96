import { useState, type RefObject } from "react";
import { Autocomplete } from "react-aria-components/Autocomplete";
import { Dialog } from "react-aria-components/Dialog";
import { Input } from "react-aria-components/Input";
import { Menu, MenuItem } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { SearchField } from "react-aria-components/SearchField";
import Building2 from "lucide-react/dist/esm/icons/building-2.mjs";
import Globe from "lucide-react/dist/esm/icons/globe.mjs";
import { useGo, useScope } from "../lib/scope";
import { useScopeChoices } from "./scopes";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

export default function ScopePopover({ anchor, onClose }: { anchor: RefObject<HTMLElement | null>; onClose(): void }) {
  const { base } = useScope();
  const go = useGo();
  const [text, setText] = useState("");
  const choices = useScopeChoices(text, true);
  return (
    <Popover
      className={ui.popover!}
      placement="bottom start"
      triggerRef={anchor}
      isOpen
      onOpenChange={(open) => !open && onClose()}
    >
      <Dialog aria-label="Switch scope" className={styles.scopeDialog!}>
        <Autocomplete inputValue={text} onInputChange={setText}>
          <SearchField aria-label="Find a tenant" autoFocus className={styles.scopeSearch!}>
            <Input className={ui.input!} placeholder="Find a tenant" />
          </SearchField>
          <Menu
            aria-label="Scopes"
            className={ui.menu!}
            items={choices}
            onAction={(href) => {
              onClose();
              go(String(href));
            }}
            renderEmptyState={() => <p className={ui.menuHeader}>No tenant of yours matches.</p>}
          >
            {(choice) => (
              <MenuItem id={choice.href} textValue={choice.label} className={ui.item!}>
                {choice.href === "/platform" ? <Globe aria-hidden /> : <Building2 aria-hidden />}
                <span className={ui.itemText}>
                  {choice.label}
                  <span className={ui.itemHint}>{choice.hint}</span>
                </span>
                {choice.href === base && <small>here</small>}
              </MenuItem>
            )}
          </Menu>
        </Autocomplete>
      </Dialog>
    </Popover>
  );
}
