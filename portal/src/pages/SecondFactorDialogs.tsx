// Setting an authenticator app up, changing it, taking it off, and recovery codes. Secrets are on the screen and in this
// component's state only, for as long as the dialog is open.
import { useMemo, useState } from "react";
import Copy from "lucide-react/dist/esm/icons/copy.mjs";
import Download from "lucide-react/dist/esm/icons/download.mjs";
import encodeQR from "qr";
import { beginSecondFactor, confirmSecondFactor, removeSecondFactor, renewRecoveryCodes, type Enrolment } from "../lib/api";
import { notify } from "../lib/notices";
import { secondFactorIs } from "../lib/session";
import { Button } from "../ui/Button";
import { ConfirmCode } from "../ui/ConfirmCode";
import { Dialog, FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Copyable } from "../ui/badges";
import { codesFile, modulesPath } from "./security.logic";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

export type SecondFactorAct = "enrol" | "change" | "codes" | "remove";

interface Props {
  act: SecondFactorAct;
  email: string;
  hasPassword: boolean;
  onClose(): void;
  /** Something changed. */
  onDone(): void;
}

export function SecondFactorDialog({ act, ...rest }: Props) {
  const [codes, setCodes] = useState<string[] | null>(null);
  const done = (shown: string[]) => {
    setCodes(shown);
    rest.onDone();
  };
  if (codes) return <CodesDialog codes={codes} email={rest.email} onClose={rest.onClose} />;
  if (act === "codes")
    return (
      <ConfirmCode
        title="New recovery codes"
        submit="Make new codes"
        onClose={rest.onClose}
        onCode={async (code) => done(await renewRecoveryCodes(code))}
      >
        The codes you have now stop working at once.
      </ConfirmCode>
    );
  if (act === "remove")
    return (
      <ConfirmCode
        title="Turn the second factor off"
        submit="Turn off"
        tone="destroy"
        onClose={rest.onClose}
        onCode={async (code) => {
          await removeSecondFactor(code);
          secondFactorIs(false);
          notify("ok", "The second factor is off: your password alone signs you in.");
          rest.onDone();
          rest.onClose();
        }}
      >
        Your password alone will sign you in, and the recovery codes stop working.
      </ConfirmCode>
    );
  return <EnrolDialog change={act === "change"} {...rest} onDone={done} />;
}

interface EnrolProps extends Omit<Props, "act" | "onDone"> {
  change: boolean;
  onDone(codes: string[]): void;
}

function EnrolDialog({ change, hasPassword, onClose, onDone }: EnrolProps) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const title = change ? "Change the authenticator app" : "Set up an authenticator app";

  if (enrolment)
    return (
      <FormDialog
        key="confirm"
        title={title}
        submit="Turn on"
        open
        onClose={onClose}
        ready={code.trim().length > 0}
        onSubmit={async () => {
          const codes = await confirmSecondFactor(code.trim());
          secondFactorIs(true);
          onDone(codes);
        }}
      >
        {(errors) => (
          <>
            <div className={styles.enrol}>
              <QrCode text={enrolment.uri} />
              <div>
                <p>Scan this with an authenticator app on your phone, or type the key into it.</p>
                <p className={ui.label}>Key</p>
                <p>
                  <code className={styles.appKey}>{enrolment.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code>
                </p>
                <Copyable text={enrolment.secret} label="the key" shown="Copy key" />
              </div>
            </div>
            <TextField
              label="Code"
              name="code"
              autoComplete="one-time-code"
              value={code}
              onChange={setCode}
              autoFocus
              mono
              error={errors.code}
              hint="The six digits that the app shows now. All your other sessions are ended then."
            />
          </>
        )}
      </FormDialog>
    );
  return (
    <FormDialog
      key="begin"
      title={title}
      submit="Go on"
      open
      onClose={onClose}
      ready={change ? code.trim().length > 0 : !hasPassword || password.length > 0}
      onSubmit={async () => {
        setEnrolment(await beginSecondFactor(change ? { code: code.trim() } : hasPassword ? { password } : {}));
        setCode("");
        setPassword("");
      }}
    >
      {(errors) => (
        <>
          <p>
            {change
              ? "The app you have goes on until the new one has given a code."
              : "Besides your password, signing in will take a code of an app on your phone: whoever learns the password alone stays outside."}
          </p>
          {change ? (
            <TextField label="Code of the present app" autoComplete="one-time-code" value={code} onChange={setCode} autoFocus mono error={errors.code} hint="Or a recovery code." />
          ) : (
            hasPassword && (
              <TextField label="Your password" type="password" autoComplete="current-password" value={password} onChange={setPassword} autoFocus error={errors.password} />
            )
          )}
        </>
      )}
    </FormDialog>
  );
}

/** Black on white in both themes: that is what readers expect. */
function QrCode({ text }: { text: string }) {
  const matrix = useMemo(() => encodeQR(text, "raw", { ecc: "medium", border: 4 }), [text]);
  return (
    <svg className={styles.qr} viewBox={`0 0 ${matrix.length} ${matrix.length}`} role="img" aria-label="QR code for the authenticator app" shapeRendering="crispEdges">
      <path d={modulesPath(matrix)} />
    </svg>
  );
}

/** The only time that the codes are seen: it goes by the button alone. */
function CodesDialog({ codes, email, onClose }: { codes: string[]; email: string; onClose(): void }) {
  const [kept, setKept] = useState("");
  function download() {
    const address = URL.createObjectURL(new Blob([codesFile(email, codes)], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "phoenix-recovery-codes.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    setKept("Saved as phoenix-recovery-codes.txt.");
  }
  return (
    <Dialog title="Keep these recovery codes" open fixed onClose={onClose} size="wide">
      <div className={ui.dialogBody}>
        <p>Each signs you in once when the app is out of reach. They are shown this once: print them, or put them where you keep passwords.</p>
        <ul className={styles.codes} aria-label="Recovery codes">
          {codes.map((code) => (
            <li key={code}>
              <code>{code}</code>
            </li>
          ))}
        </ul>
        <div className={styles.actions}>
          <Button
            autoFocus
            onPress={() => {
              void navigator.clipboard?.writeText(codes.join("\n"));
              setKept("Copied.");
            }}
          >
            <Copy aria-hidden />
            Copy
          </Button>
          <Button onPress={download}>
            <Download aria-hidden />
            Download
          </Button>
        </div>
        <p role="status" className={ui.help}>
          {kept}
        </p>
      </div>
      <div className={ui.dialogActions}>
        <Button tone="primary" onPress={onClose}>
          I have kept them
        </Button>
      </div>
    </Dialog>
  );
}
