import { Label } from "react-aria-components/Label";
import { Radio, RadioGroup } from "react-aria-components/RadioGroup";
import type { Severity } from "../gql/graphql";
import { SeverityBadge, severityMeaning } from "../ui/badges";
import { severities } from "./incidentActs";
import styles from "./incidents.module.css";
import ui from "../ui/ui.module.css";

export function SeverityChoice({ value, onChange }: { value: Severity; onChange(value: Severity): void }) {
  return (
    <RadioGroup value={value} onChange={(next) => onChange(next as Severity)} className={styles.severities!}>
      <Label className={ui.label!}>Severity</Label>
      {severities.map((one) => (
        <Radio key={one} value={one} className={styles.severity!}>
          <SeverityBadge severity={one} />
          <span>{severityMeaning[one]}</span>
        </Radio>
      ))}
    </RadioGroup>
  );
}
