import { useRef, useState, type FormEvent, type ReactNode } from "react";
import { Dialog as AriaDialog } from "react-aria-components/Dialog";
import { Heading } from "react-aria-components/Heading";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import type { ApiError } from "../lib/api";
import { asApiError, fieldErrors } from "../lib/api";
import { Button } from "./Button";
import { TextField } from "./Field";
import { ErrorBand } from "./States";
import styles from "./ui.module.css";

interface DialogProps {
  title: string;
  open: boolean;
  onClose(): void;
  children: ReactNode;
  size?: "normal" | "wide";
  /** Cannot be dismissed: there is nothing behind it to go back to. */
  fixed?: boolean;
}

export function Dialog({ title, open, onClose, children, size = "normal", fixed }: DialogProps) {
  return (
    <ModalOverlay
      isOpen={open}
      onOpenChange={(next) => !next && onClose()}
      isDismissable={!fixed}
      isKeyboardDismissDisabled={fixed}
      className={styles.scrim!}
    >
      <Modal className={styles.modal!} data-size={size}>
        <AriaDialog className={styles.dialog!}>
          <Heading slot="title" level={2} className={styles.dialogTitle!}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface FormDialogProps extends Omit<DialogProps, "children"> {
  submit: string;
  tone?: "primary" | "destroy";
  /** Returns when the act is accepted; a rejection is shown in the dialog, at its field where it names one. */
  onSubmit(): Promise<void>;
  ready?: boolean;
  children(errors: Record<string, string>): ReactNode;
}

/** A dialog that is a form: Enter (Ctrl Enter in text areas) submits, Escape cancels, errors stay inside. */
export function FormDialog({ submit, tone = "primary", onSubmit, ready = true, children, ...dialog }: FormDialogProps) {
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const sending = useRef(false);
  const errors = fieldErrors(error);

  async function send(event?: FormEvent) {
    event?.preventDefault();
    if (sending.current || !ready) return;
    sending.current = true;
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (reason) {
      setError(asApiError(reason));
    } finally {
      sending.current = false;
      setBusy(false);
    }
  }

  return (
    <Dialog {...dialog}>
      <form
        noValidate
        onSubmit={(event) => void send(event)}
        // Captured: controls inside may keep the key to themselves.
        onKeyDownCapture={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void send();
        }}
      >
        <div className={styles.dialogBody}>
          {children(errors)}
          {error && !Object.keys(errors).length && <ErrorBand what="That did not work" error={error} />}
        </div>
        <div className={styles.dialogActions}>
          <Button onPress={dialog.onClose}>Cancel</Button>
          <Button type="submit" tone={tone} isDisabled={!ready || busy}>
            {busy ? "Sending…" : submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What happens, and what cannot be undone. */
  children: ReactNode;
  submit: string;
  /** To be typed before the button works. */
  name?: string;
  open: boolean;
  onClose(): void;
  onConfirm(): Promise<void>;
}

export function ConfirmDialog({ title, children, submit, name, open, onClose, onConfirm }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const close = () => {
    setTyped("");
    onClose();
  };
  return (
    <FormDialog
      title={title}
      submit={submit}
      tone="destroy"
      open={open}
      onClose={close}
      ready={!name || typed === name}
      onSubmit={async () => {
        await onConfirm();
        close();
      }}
    >
      {() => (
        <>
          <div>{children}</div>
          {name && (
            <TextField
              label={`Type ${name} to confirm`}
              value={typed}
              onChange={setTyped}
              autoFocus
              autoComplete="off"
              mono
              error={typed && !name.startsWith(typed) ? "This is not the name." : null}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
