import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { keyHelp } from "./keys";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

export default function KeySheet({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard" open onClose={onClose} size="wide">
      <div className={ui.dialogBody}>
        <dl className={styles.keys}>
          {keyHelp.map(({ keys, does }) => (
            <div key={keys}>
              <dt>
                {keys.includes(" on ") ? (
                  <kbd className={ui.kbd}>{keys}</kbd>
                ) : (
                  keys.split(" ").map((key) => (
                    <kbd key={key} className={ui.kbd}>
                      {key}
                    </kbd>
                  ))
                )}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className={ui.dialogActions}>
        <Button onPress={onClose} autoFocus>
          Close
        </Button>
      </div>
    </Dialog>
  );
}
