import { lazy, Suspense, useEffect, useState } from "react";
import { onStepUp, stepUp } from "../lib/api";

const ConfirmCode = lazy(async () => ({ default: (await import("../ui/ConfirmCode")).ConfirmCode }));

/** Asks for a fresh code when an act wants one; the act is repeated then, or fails as it did when nobody gives one. */
export function StepUp() {
  const [asked, setAsked] = useState<((given: boolean) => void) | null>(null);
  useEffect(() => onStepUp(() => new Promise((resolve) => setAsked(() => resolve))), []);
  if (!asked) return null;
  const finish = (given: boolean) => {
    asked(given);
    setAsked(null);
  };
  return (
    <Suspense>
      <ConfirmCode
        title="Confirm that it is you"
        submit="Confirm"
        onClose={() => finish(false)}
        onCode={async (code) => {
          await stepUp(code);
          finish(true);
        }}
      />
    </Suspense>
  );
}
