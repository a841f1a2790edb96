import { useEffect, useState } from "react";
import { onStepUp, stepUp } from "../lib/api";
import { FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/Field";

/** Asks for a fresh code when an act wants one; the act is repeated then, or fails as it did when nobody gives one. */
export function StepUp() {
  const [asked, setAsked] = useState<((given: boolean) => void) | null>(null);
  const [code, setCode] = useState("");
  useEffect(() => onStepUp(() => new Promise((resolve) => setAsked(() => resolve))), []);
  const finish = (given: boolean) => {
    asked?.(given);
    setAsked(null);
    setCode("");
  };
  return (
    <FormDialog
      title="Confirm that it is you"
      submit="Confirm"
      open={asked !== null}
      onClose={() => finish(false)}
      ready={code.trim().length > 0}
      onSubmit={async () => {
        await stepUp(code);
        finish(true);
      }}
    >
      {(errors) => (
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
      )}
    </FormDialog>
  );
}
