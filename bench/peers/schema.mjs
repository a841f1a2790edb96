// The part of our schema that is asked for, so that all servers are sent the same text; and its resolvers for servers
// that load by DataLoader.
import { incidents, resources } from './data.mjs';

export const typeDefs = `
  enum ResourceType { VM CONTAINER STORAGE NETWORK }
  enum ResourceStatus { RUNNING STOPPED PENDING ERROR }
  enum Severity { P0 P1 P2 P3 }
  enum AlertStatus { FIRING RESOLVED }
  enum OperationState { PENDING RUNNING WAITING SUCCEEDED FAILED CANCELLED }
  type Site { id: ID! name: String! region: String! }
  type Resource { id: ID! name: String! type: ResourceType! status: ResourceStatus! site: Site! }
  type Incident { id: ID! reference: String! title: String! severity: Severity! alerts(first: Int = 50): AlertConnection! }
  type Alert { id: ID! name: String! status: AlertStatus! virtualMachine: VirtualMachine }
  type VirtualMachine { id: ID! name: String! operations(first: Int = 50): OperationConnection! }
  type Operation { id: ID! kind: String! state: OperationState! progress: Int! }
  type ResourceConnection { nodes: [Resource!]! }
  type IncidentConnection { nodes: [Incident!]! }
  type AlertConnection { nodes: [Alert!]! }
  type OperationConnection { nodes: [Operation!]! }
  input ResourceStatusFilter { eq: ResourceStatus }
  input ResourceFilter { status: ResourceStatusFilter }
  type Query {
    resources(first: Int = 50, filter: ResourceFilter): ResourceConnection!
    incidents(first: Int = 50): IncidentConnection!
  }`;

export const roots = {
  resources: (_, { first, filter }, { tenant }) => resources(tenant, first, filter?.status?.eq),
  incidents: (_, { first }, { tenant }) => incidents(tenant, first),
};

export const resolvers = {
  Query: roots,
  Resource: { site: ({ site_id: id }, _, { load }) => load.site.load(id) },
  Incident: { alerts: ({ id }, { first }, { load }) => load.alerts.load({ id, first }) },
  Alert: { virtualMachine: ({ virtual_machine_id: id }, _, { load }) => (id ? load.machine.load(id) : null) },
  VirtualMachine: { operations: ({ id }, { first }, { load }) => load.operations.load({ id, first }) },
};
