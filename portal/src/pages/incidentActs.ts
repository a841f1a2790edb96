import {
  AcknowledgeIncidentDocument,
  type IncidentFieldsFragment,
  type Severity,
} from "../gql/graphql";
import { platformScope, type Scope } from "../lib/api";
import { notifyError } from "../lib/notices";
import { useConnection } from "../lib/scope";
import { useSession } from "../lib/session";
import { now } from "../lib/time";

export type Incident = IncidentFieldsFragment;

export const severities: Severity[] = ["P0", "P1", "P2", "P3"];

export const incidentScope = (incident: Incident): Scope =>
  incident.tenant ? { kind: "tenant", name: incident.tenant.name } : platformScope;

/** In its tenant an incident goes by its reference; a platform's one by its id. */
export const incidentAddress = (incident: Pick<Incident, "id" | "reference" | "tenant">) =>
  incident.tenant ? `/t/${incident.tenant.name}/incidents/${incident.reference}` : `/platform/incidents/${incident.id}`;

/** Taking an incident can be undone by anybody's next act, so the page shows it at once. */
export function useAcknowledge() {
  const connection = useConnection();
  const session = useSession();
  return async (incident: Incident) => {
    const email = session.phase === "signed-in" || session.phase === "expired" ? session.user.email : "";
    const undo = connection.store.guess<Incident>("Incident", incident.id, {
      commander: email,
      respondedAt: incident.respondedAt ?? new Date(now()).toISOString(),
    });
    try {
      await connection.mutate(AcknowledgeIncidentDocument, { id: incident.id }, incidentScope(incident));
    } catch (error) {
      undo();
      notifyError(`${incident.reference} was not acknowledged`, error);
    }
  };
}

export const services = (text: string) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
