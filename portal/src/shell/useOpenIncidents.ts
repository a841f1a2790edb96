import { useEffect, useState } from "react";
import { OpenIncidentCountDocument } from "../gql/graphql";
import { useConnection } from "../lib/scope";

/** How many incidents of the scope are not resolved; counted again by the server whenever one changes. */
export function useOpenIncidents(): number | null {
  const connection = useConnection();
  const [count, setCount] = useState<number | null>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let current = true;
    const refresh = async () => {
      const { incidents } = await connection.query(OpenIncidentCountDocument, {});
      if (current) setCount(incidents.totalCount);
    };
    const counter = { refresh };
    const unmount = connection.mount("Incident", counter);
    const unlisten = connection.onChange("Incident", () => {
      clearTimeout(timer);
      timer = setTimeout(() => void refresh().catch(() => undefined), 300);
    });
    void refresh().catch(() => undefined);
    return () => {
      current = false;
      clearTimeout(timer);
      unmount();
      unlisten();
    };
  }, [connection]);

  return count;
}
