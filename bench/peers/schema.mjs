// The part of our schema that is asked for, so that all servers are sent the same text; and its resolvers for servers
// that load by DataLoader.
import { resources, sites } from './data.mjs';

export const typeDefs = `
  enum ResourceType { VM CONTAINER STORAGE NETWORK }
  enum ResourceStatus { RUNNING STOPPED PENDING ERROR }
  enum OperationState { PENDING RUNNING WAITING SUCCEEDED FAILED CANCELLED }
  type Site { id: ID! name: String! region: String! resources(first: Int = 50): ResourceConnection! }
  type Resource { id: ID! name: String! type: ResourceType! status: ResourceStatus! site: Site! operations(first: Int = 50): OperationConnection! }
  type Operation { id: ID! kind: String! state: OperationState! progress: Int! }
  type SiteConnection { nodes: [Site!]! }
  type ResourceConnection { nodes: [Resource!]! }
  type OperationConnection { nodes: [Operation!]! }
  input ResourceStatusFilter { eq: ResourceStatus }
  input ResourceFilter { status: ResourceStatusFilter }
  type Query {
    resources(first: Int = 50, filter: ResourceFilter): ResourceConnection!
    sites(first: Int = 50): SiteConnection!
  }`;

export const roots = {
  resources: (_, { first, filter }, { tenant }) => resources(tenant, first, filter?.status?.eq),
  sites: (_, { first }) => sites(first),
};

export const resolvers = {
  Query: roots,
  Site: { resources: ({ id }, { first }, { load }) => load.resources.load({ id, first }) },
  Resource: { site: ({ site_id: id }, _, { load }) => load.site.load(id),
              operations: ({ id }, { first }, { load }) => load.operations.load({ id, first }) },
};
