import { useState, type ReactNode } from "react";
import { FormDialog } from "./Dialog";
import { TextField } from "./Field";

interface Props {
  title: string;
  submit: string;
  tone?: "primary" | "destroy";
  children?: ReactNode;
  onClose(): void;
  onCode(code: string): Promise<void>;
}

/** Asks for a code of the authenticator app, or a recovery code, for what it then does. */
export function ConfirmCode({ children, onCode, ...dialog }: Props) {
  const [code, setCode] = useState("");
  return (
    <FormDialog
      {...dialog}
      open
      ready={code.trim().length > 0}
      onSubmit={() => onCode(code.trim())}
    >
      {(errors) => (
        <>
          {children && <p>{children}</p>}
          <TextField
            label="Code"
            name="code"
            autoComplete="one-time-code"
            value={code}
            onChange={setCode}
            autoFocus
            mono
            error={errors.code}
            hint="Six digits from your authenticator app, or a recovery code."
          />
        </>
      )}
    </FormDialog>
  );
}
