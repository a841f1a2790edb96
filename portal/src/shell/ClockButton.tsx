import { Button } from "react-aria-components/Button";
import { setLook, useLook } from "../lib/look";
import { timeOfDay, useNow, zoneName } from "../lib/time";
import { Tip } from "../ui/Button";
import styles from "./shell.module.css";

/** UTC and local time; a press swaps the zone of every time on every page. */
export function ClockButton() {
  const { zone } = useLook();
  const at = useNow();
  const other = zone === "utc" ? "local" : "utc";
  return (
    <Tip text={`Times are shown in ${zoneName(zone)}. Press for ${zoneName(other)}.`}>
      <Button
        className={styles.clock!}
        onPress={() => setLook({ zone: other })}
      >
        <span>
          {timeOfDay(at, zone)} <b>{zoneName(zone)}</b>
        </span>
        <small>
          {timeOfDay(at, other).slice(0, 5)} {zoneName(other)}
        </small>
      </Button>
    </Tip>
  );
}
