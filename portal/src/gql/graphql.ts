/* eslint-disable */
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type Maybe<T> = T | null;
export type InputMaybe<T> = T | null | undefined;
export type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
export type MakeOptional<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]?: Maybe<T[SubKey]> };
export type MakeMaybe<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]: Maybe<T[SubKey]> };
export type MakeEmpty<T extends { [key: string]: unknown }, K extends keyof T> = { [_ in K]?: never };
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  DateTime: { input: string; output: string; }
  Decimal: { input: unknown; output: unknown; }
  JSON: { input: unknown; output: unknown; }
};

export type Alert = {
  annotations: Scalars['JSON']['output'];
  deliveries: Scalars['Int']['output'];
  endsAt?: Maybe<Scalars['DateTime']['output']>;
  fingerprint: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  incident?: Maybe<Incident>;
  labels: Scalars['JSON']['output'];
  name: Scalars['String']['output'];
  receivedAt: Scalars['DateTime']['output'];
  source: Scalars['String']['output'];
  startsAt: Scalars['DateTime']['output'];
  status: AlertStatus;
  summary: Scalars['String']['output'];
  tenant?: Maybe<Tenant>;
  version: Scalars['Int']['output'];
  virtualMachine?: Maybe<VirtualMachine>;
};

export type AlertChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<Alert>;
};

export type AlertConnection = {
  edges: Array<AlertEdge>;
  nodes: Array<Alert>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type AlertEdge = {
  cursor: Scalars['String']['output'];
  node: Alert;
};

export type AlertFilter = {
  and?: InputMaybe<Array<AlertFilter>>;
  fingerprint?: InputMaybe<StringFilter>;
  not?: InputMaybe<AlertFilter>;
  or?: InputMaybe<Array<AlertFilter>>;
  source?: InputMaybe<StringFilter>;
  status?: InputMaybe<AlertStatusFilter>;
};

export type AlertOrder =
  | 'RECEIVED_AT';

export type AlertStatus =
  | 'FIRING'
  | 'RESOLVED';

export type AlertStatusFilter = {
  eq?: InputMaybe<AlertStatus>;
  in?: InputMaybe<Array<AlertStatus>>;
  ne?: InputMaybe<AlertStatus>;
};

export type ApiKey = {
  allowedAddresses: Array<Scalars['String']['output']>;
  createdAt: Scalars['DateTime']['output'];
  createdBy: Scalars['String']['output'];
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  id: Scalars['ID']['output'];
  lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  prefix: Scalars['String']['output'];
  rotatedAt?: Maybe<Scalars['DateTime']['output']>;
  scopes: Array<ApiKeyScope>;
  serviceAccount: ServiceAccount;
  version: Scalars['Int']['output'];
};

export type ApiKeyChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<ApiKey>;
};

export type ApiKeyConnection = {
  edges: Array<ApiKeyEdge>;
  nodes: Array<ApiKey>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type ApiKeyEdge = {
  cursor: Scalars['String']['output'];
  node: ApiKey;
};

export type ApiKeyFilter = {
  and?: InputMaybe<Array<ApiKeyFilter>>;
  not?: InputMaybe<ApiKeyFilter>;
  or?: InputMaybe<Array<ApiKeyFilter>>;
  prefix?: InputMaybe<StringFilter>;
};

export type ApiKeyOrder =
  | 'CREATED_AT';

export type ApiKeyScope =
  | 'ALERTS'
  | 'CONSOLE'
  | 'READ'
  | 'WRITE';

export type AuditEntry = {
  action: Scalars['String']['output'];
  actor: Scalars['String']['output'];
  after?: Maybe<Scalars['JSON']['output']>;
  at: Scalars['DateTime']['output'];
  before?: Maybe<Scalars['JSON']['output']>;
  id: Scalars['ID']['output'];
  objectId?: Maybe<Scalars['ID']['output']>;
  objectType?: Maybe<Scalars['String']['output']>;
  onBehalfOf?: Maybe<Scalars['String']['output']>;
  outcome: Scalars['String']['output'];
  remoteAddress?: Maybe<Scalars['String']['output']>;
  requestId: Scalars['String']['output'];
  tenant?: Maybe<Tenant>;
};

export type AuditEntryChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<AuditEntry>;
};

export type AuditEntryConnection = {
  edges: Array<AuditEntryEdge>;
  nodes: Array<AuditEntry>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type AuditEntryEdge = {
  cursor: Scalars['String']['output'];
  node: AuditEntry;
};

export type AuditEntryFilter = {
  action?: InputMaybe<StringFilter>;
  actor?: InputMaybe<StringFilter>;
  and?: InputMaybe<Array<AuditEntryFilter>>;
  at?: InputMaybe<DateTimeFilter>;
  not?: InputMaybe<AuditEntryFilter>;
  objectId?: InputMaybe<IdFilter>;
  objectType?: InputMaybe<StringFilter>;
  onBehalfOf?: InputMaybe<StringFilter>;
  or?: InputMaybe<Array<AuditEntryFilter>>;
  outcome?: InputMaybe<StringFilter>;
  remoteAddress?: InputMaybe<StringFilter>;
};

export type AuditEntryOrder =
  | 'AT';

export type ChangeKind =
  | 'CREATED'
  | 'DELETED'
  | 'RESYNC'
  | 'UPDATED';

export type CreateApiKeyInput = {
  allowedAddresses?: Array<Scalars['String']['input']>;
  expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
  scopes?: Array<ApiKeyScope>;
  serviceAccountId: Scalars['ID']['input'];
};

export type CreateServiceAccountInput = {
  name: Scalars['String']['input'];
  role?: InputMaybe<Role>;
};

export type CreateTenantInput = {
  displayName?: InputMaybe<Scalars['String']['input']>;
  name: Scalars['String']['input'];
  tier?: InputMaybe<TenantTier>;
};

export type CreateUserInput = {
  email: Scalars['String']['input'];
  name: Scalars['String']['input'];
  password: Scalars['String']['input'];
};

export type CreateVirtualMachineInput = {
  diskGib?: InputMaybe<Scalars['Int']['input']>;
  image: Scalars['String']['input'];
  memoryMib?: InputMaybe<Scalars['Int']['input']>;
  name: Scalars['String']['input'];
  portForwards?: InputMaybe<Array<PortForwardInput>>;
  sshKeys?: InputMaybe<Array<Scalars['String']['input']>>;
  userData?: InputMaybe<Scalars['String']['input']>;
  vcpus?: InputMaybe<Scalars['Int']['input']>;
};

export type DateTimeFilter = {
  eq?: InputMaybe<Scalars['DateTime']['input']>;
  gt?: InputMaybe<Scalars['DateTime']['input']>;
  gte?: InputMaybe<Scalars['DateTime']['input']>;
  lt?: InputMaybe<Scalars['DateTime']['input']>;
  lte?: InputMaybe<Scalars['DateTime']['input']>;
  ne?: InputMaybe<Scalars['DateTime']['input']>;
};

export type DeclareIncidentInput = {
  affectedServices?: InputMaybe<Array<Scalars['String']['input']>>;
  correlationKey?: InputMaybe<Scalars['String']['input']>;
  impact?: InputMaybe<Scalars['String']['input']>;
  severity: Severity;
  title: Scalars['String']['input'];
  virtualMachineId?: InputMaybe<Scalars['ID']['input']>;
};

export type DeleteImagePayload = {
  id: Scalars['ID']['output'];
};

export type DeletedServiceAccountPayload = {
  serviceAccountId: Scalars['ID']['output'];
};

export type DesiredState =
  | 'DELETED'
  | 'PAUSED'
  | 'RUNNING'
  | 'STOPPED';

export type Health = {
  status: Scalars['String']['output'];
  timestamp: Scalars['DateTime']['output'];
  version: Scalars['String']['output'];
};

export type IdFilter = {
  eq?: InputMaybe<Scalars['ID']['input']>;
  in?: InputMaybe<Array<Scalars['ID']['input']>>;
  ne?: InputMaybe<Scalars['ID']['input']>;
};

export type Image = {
  createdAt: Scalars['DateTime']['output'];
  description: Scalars['String']['output'];
  format: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  minDiskGib: Scalars['Int']['output'];
  minMemoryMib: Scalars['Int']['output'];
  name: Scalars['String']['output'];
  sha256: Scalars['String']['output'];
  sizeMib: Scalars['Int']['output'];
  state: ImageState;
  stateReason?: Maybe<Scalars['String']['output']>;
};

export type ImageConnection = {
  edges: Array<ImageEdge>;
  nodes: Array<Image>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type ImageEdge = {
  cursor: Scalars['String']['output'];
  node: Image;
};

export type ImageFilter = {
  and?: InputMaybe<Array<ImageFilter>>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<ImageFilter>;
  or?: InputMaybe<Array<ImageFilter>>;
  state?: InputMaybe<ImageStateFilter>;
};

export type ImageOrder =
  | 'NAME';

export type ImagePayload = {
  image: Image;
  operation: Operation;
};

export type ImageState =
  | 'FAILED'
  | 'IMPORTING'
  | 'READY';

export type ImageStateFilter = {
  eq?: InputMaybe<ImageState>;
  in?: InputMaybe<Array<ImageState>>;
  ne?: InputMaybe<ImageState>;
};

export type ImportImageInput = {
  description?: InputMaybe<Scalars['String']['input']>;
  file: Scalars['String']['input'];
  format: Scalars['String']['input'];
  name: Scalars['String']['input'];
};

export type Incident = {
  affectedServices: Array<Scalars['String']['output']>;
  alerts: AlertConnection;
  channel: Scalars['String']['output'];
  commander?: Maybe<Scalars['String']['output']>;
  createdAt: Scalars['DateTime']['output'];
  declaredAt: Scalars['DateTime']['output'];
  declaredBy: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  identifiedAt?: Maybe<Scalars['DateTime']['output']>;
  impact: Scalars['String']['output'];
  monitoringSince?: Maybe<Scalars['DateTime']['output']>;
  monitoringUntil?: Maybe<Scalars['DateTime']['output']>;
  number: Scalars['Int']['output'];
  origin: Scalars['String']['output'];
  reference: Scalars['String']['output'];
  relapses: Scalars['Int']['output'];
  resolution: Scalars['String']['output'];
  resolutionDueAt: Scalars['DateTime']['output'];
  resolvedAt?: Maybe<Scalars['DateTime']['output']>;
  respondedAt?: Maybe<Scalars['DateTime']['output']>;
  responseDueAt: Scalars['DateTime']['output'];
  rootCause: Scalars['String']['output'];
  severity: Severity;
  startedAt: Scalars['DateTime']['output'];
  status: IncidentStatus;
  tenant?: Maybe<Tenant>;
  timeline: IncidentEntryConnection;
  title: Scalars['String']['output'];
  updatedAt: Scalars['DateTime']['output'];
  version: Scalars['Int']['output'];
  virtualMachine?: Maybe<VirtualMachine>;
};


export type IncidentAlertsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AlertFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AlertOrder>;
};


export type IncidentTimelineArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<IncidentEntryFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<IncidentEntryOrder>;
};

export type IncidentActionPayload = {
  incident: Incident;
  operation: Operation;
};

export type IncidentChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<Incident>;
};

export type IncidentConnection = {
  edges: Array<IncidentEdge>;
  nodes: Array<Incident>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type IncidentEdge = {
  cursor: Scalars['String']['output'];
  node: Incident;
};

export type IncidentEntry = {
  actor: Scalars['String']['output'];
  at: Scalars['DateTime']['output'];
  body: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  incident: Incident;
  kind: Scalars['String']['output'];
};

export type IncidentEntryChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<IncidentEntry>;
};

export type IncidentEntryConnection = {
  edges: Array<IncidentEntryEdge>;
  nodes: Array<IncidentEntry>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type IncidentEntryEdge = {
  cursor: Scalars['String']['output'];
  node: IncidentEntry;
};

export type IncidentEntryFilter = {
  and?: InputMaybe<Array<IncidentEntryFilter>>;
  kind?: InputMaybe<StringFilter>;
  not?: InputMaybe<IncidentEntryFilter>;
  or?: InputMaybe<Array<IncidentEntryFilter>>;
};

export type IncidentEntryOrder =
  | 'AT';

export type IncidentFilter = {
  and?: InputMaybe<Array<IncidentFilter>>;
  not?: InputMaybe<IncidentFilter>;
  or?: InputMaybe<Array<IncidentFilter>>;
  reference?: InputMaybe<StringFilter>;
  severity?: InputMaybe<SeverityFilter>;
  status?: InputMaybe<IncidentStatusFilter>;
};

export type IncidentOrder =
  | 'NUMBER'
  | 'SEVERITY'
  | 'STARTED_AT';

export type IncidentPayload = {
  incident: Incident;
};

export type IncidentStatus =
  | 'IDENTIFIED'
  | 'INVESTIGATING'
  | 'MONITORING'
  | 'RESOLVED';

export type IncidentStatusFilter = {
  eq?: InputMaybe<IncidentStatus>;
  in?: InputMaybe<Array<IncidentStatus>>;
  ne?: InputMaybe<IncidentStatus>;
};

export type IntFilter = {
  eq?: InputMaybe<Scalars['Int']['input']>;
  gt?: InputMaybe<Scalars['Int']['input']>;
  gte?: InputMaybe<Scalars['Int']['input']>;
  in?: InputMaybe<Array<Scalars['Int']['input']>>;
  lt?: InputMaybe<Scalars['Int']['input']>;
  lte?: InputMaybe<Scalars['Int']['input']>;
  ne?: InputMaybe<Scalars['Int']['input']>;
};

export type Membership = {
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  role: Role;
  tenant: Tenant;
  user: User;
};

export type MembershipConnection = {
  edges: Array<MembershipEdge>;
  nodes: Array<Membership>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type MembershipEdge = {
  cursor: Scalars['String']['output'];
  node: Membership;
};

export type MembershipOrder =
  | 'CREATED_AT';

export type MembershipPayload = {
  membership: Membership;
};

export type Mutation = {
  acknowledgeIncident: IncidentPayload;
  addIncidentNote: IncidentPayload;
  addUserToTenant: MembershipPayload;
  cancelOperation: OperationPayload;
  createApiKey: NewApiKeyPayload;
  createServiceAccount: ServiceAccountPayload;
  createTenant: TenantPayload;
  createUser: UserPayload;
  createVirtualMachine: VirtualMachinePayload;
  declareIncident: IncidentPayload;
  deleteImage: DeleteImagePayload;
  deleteServiceAccount: DeletedServiceAccountPayload;
  deleteVirtualMachine: VirtualMachinePayload;
  importImage: ImagePayload;
  pauseVirtualMachine: VirtualMachinePayload;
  rebootVirtualMachine: VirtualMachinePayload;
  removeUnknownGuest: UnknownGuestPayload;
  removeUserFromTenant: RemovedMemberPayload;
  resetPassword: PasswordResetPayload;
  resetSecondFactor: SecondFactorResetPayload;
  restartIncidentGuest: IncidentActionPayload;
  resumeVirtualMachine: VirtualMachinePayload;
  retryOperation: OperationPayload;
  revokeApiKey: RevokedApiKeyPayload;
  revokeOtherSessions: RevokedSessionsPayload;
  revokeSession: RevokedSessionsPayload;
  rotateApiKey: NewApiKeyPayload;
  setIncidentStatus: IncidentPayload;
  setPassword: UserPayload;
  setQuota: TenantPayload;
  startVirtualMachine: VirtualMachinePayload;
  stopVirtualMachine: VirtualMachinePayload;
  updateIncident: IncidentPayload;
};


export type MutationAcknowledgeIncidentArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationAddIncidentNoteArgs = {
  body: Scalars['String']['input'];
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationAddUserToTenantArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  role: Role;
  userId: Scalars['ID']['input'];
};


export type MutationCancelOperationArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationCreateApiKeyArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: CreateApiKeyInput;
};


export type MutationCreateServiceAccountArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: CreateServiceAccountInput;
};


export type MutationCreateTenantArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: CreateTenantInput;
};


export type MutationCreateUserArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: CreateUserInput;
};


export type MutationCreateVirtualMachineArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: CreateVirtualMachineInput;
};


export type MutationDeclareIncidentArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: DeclareIncidentInput;
};


export type MutationDeleteImageArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteServiceAccountArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteVirtualMachineArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationImportImageArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: ImportImageInput;
};


export type MutationPauseVirtualMachineArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRebootVirtualMachineArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRemoveUnknownGuestArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRemoveUserFromTenantArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  userId: Scalars['ID']['input'];
};


export type MutationResetPasswordArgs = {
  account: Scalars['String']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationResetSecondFactorArgs = {
  account: Scalars['String']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRestartIncidentGuestArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationResumeVirtualMachineArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRetryOperationArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRevokeApiKeyArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRevokeOtherSessionsArgs = {
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRevokeSessionArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRotateApiKeyArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  overlapSeconds?: Scalars['Int']['input'];
};


export type MutationSetIncidentStatusArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  note?: InputMaybe<Scalars['String']['input']>;
  status: IncidentStatus;
};


export type MutationSetPasswordArgs = {
  current?: InputMaybe<Scalars['String']['input']>;
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  password: Scalars['String']['input'];
};


export type MutationSetQuotaArgs = {
  dimension: Scalars['String']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  maximum: Scalars['Int']['input'];
  tenantId: Scalars['ID']['input'];
};


export type MutationStartVirtualMachineArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationStopVirtualMachineArgs = {
  force?: InputMaybe<Scalars['Boolean']['input']>;
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
};


export type MutationUpdateIncidentArgs = {
  id: Scalars['ID']['input'];
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  input: UpdateIncidentInput;
};

export type NewApiKeyPayload = {
  apiKey: ApiKey;
  secret?: Maybe<Scalars['String']['output']>;
};

export type Operation = {
  attempts: Scalars['Int']['output'];
  createdAt: Scalars['DateTime']['output'];
  deadlineAt: Scalars['DateTime']['output'];
  finishedAt?: Maybe<Scalars['DateTime']['output']>;
  id: Scalars['ID']['output'];
  kind: Scalars['String']['output'];
  nextAction?: Maybe<Scalars['String']['output']>;
  objectId: Scalars['ID']['output'];
  objectName: Scalars['String']['output'];
  objectType: Scalars['String']['output'];
  progress: Scalars['Int']['output'];
  reason?: Maybe<Scalars['String']['output']>;
  requestedBy: Scalars['String']['output'];
  startedAt?: Maybe<Scalars['DateTime']['output']>;
  state: OperationState;
  step: Scalars['String']['output'];
  tenant?: Maybe<Tenant>;
  version: Scalars['Int']['output'];
};

export type OperationChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<Operation>;
};

export type OperationConnection = {
  edges: Array<OperationEdge>;
  nodes: Array<Operation>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type OperationEdge = {
  cursor: Scalars['String']['output'];
  node: Operation;
};

export type OperationFilter = {
  and?: InputMaybe<Array<OperationFilter>>;
  kind?: InputMaybe<StringFilter>;
  not?: InputMaybe<OperationFilter>;
  objectId?: InputMaybe<IdFilter>;
  or?: InputMaybe<Array<OperationFilter>>;
  state?: InputMaybe<OperationStateFilter>;
};

export type OperationOrder =
  | 'CREATED_AT';

export type OperationPayload = {
  operation: Operation;
};

export type OperationState =
  | 'CANCELLED'
  | 'FAILED'
  | 'PENDING'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'WAITING';

export type OperationStateFilter = {
  eq?: InputMaybe<OperationState>;
  in?: InputMaybe<Array<OperationState>>;
  ne?: InputMaybe<OperationState>;
};

export type OrderDirection =
  | 'ASC'
  | 'DESC';

export type PageInfo = {
  endCursor?: Maybe<Scalars['String']['output']>;
  hasNextPage: Scalars['Boolean']['output'];
  hasPreviousPage: Scalars['Boolean']['output'];
  startCursor?: Maybe<Scalars['String']['output']>;
};

export type PasswordResetPayload = {
  expiresAt: Scalars['DateTime']['output'];
  link?: Maybe<Scalars['String']['output']>;
  userId: Scalars['ID']['output'];
};

export type Permission = {
  action: Scalars['String']['output'];
  allowed: Scalars['Boolean']['output'];
  reason?: Maybe<Scalars['String']['output']>;
};

export type PortForwardInput = {
  guestPort: Scalars['Int']['input'];
  hostPort: Scalars['Int']['input'];
  protocol?: InputMaybe<Scalars['String']['input']>;
};

export type Query = {
  alert?: Maybe<Alert>;
  alerts: AlertConnection;
  apiKeys: ApiKeyConnection;
  auditEntry?: Maybe<AuditEntry>;
  auditLog: AuditEntryConnection;
  eventCursor: Scalars['String']['output'];
  health: Health;
  images: ImageConnection;
  incident?: Maybe<Incident>;
  incidentReport: Scalars['String']['output'];
  incidents: IncidentConnection;
  me: Viewer;
  operation?: Maybe<Operation>;
  operations: OperationConnection;
  resource?: Maybe<Resource>;
  resources: ResourceConnection;
  serviceAccount?: Maybe<ServiceAccount>;
  serviceAccounts: ServiceAccountConnection;
  sessions: Array<Session>;
  sites: SiteConnection;
  tenant?: Maybe<Tenant>;
  tenants: TenantConnection;
  unknownGuests: Array<UnknownGuest>;
  virtualMachine?: Maybe<VirtualMachine>;
  virtualMachines: VirtualMachineConnection;
};


export type QueryAlertArgs = {
  id: Scalars['ID']['input'];
};


export type QueryAlertsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AlertFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AlertOrder>;
};


export type QueryApiKeysArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ApiKeyFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ApiKeyOrder>;
};


export type QueryAuditEntryArgs = {
  id: Scalars['ID']['input'];
};


export type QueryAuditLogArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AuditEntryFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AuditEntryOrder>;
};


export type QueryImagesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ImageFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ImageOrder>;
};


export type QueryIncidentArgs = {
  id: Scalars['ID']['input'];
};


export type QueryIncidentReportArgs = {
  id: Scalars['ID']['input'];
};


export type QueryIncidentsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<IncidentFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<IncidentOrder>;
};


export type QueryOperationArgs = {
  id: Scalars['ID']['input'];
};


export type QueryOperationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<OperationFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<OperationOrder>;
};


export type QueryResourceArgs = {
  id: Scalars['ID']['input'];
};


export type QueryResourcesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ResourceFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ResourceOrder>;
};


export type QueryServiceAccountArgs = {
  id: Scalars['ID']['input'];
};


export type QueryServiceAccountsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ServiceAccountFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ServiceAccountOrder>;
};


export type QuerySitesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<SiteFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<SiteOrder>;
};


export type QueryTenantArgs = {
  id: Scalars['ID']['input'];
};


export type QueryTenantsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<TenantFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<TenantOrder>;
};


export type QueryVirtualMachineArgs = {
  id: Scalars['ID']['input'];
};


export type QueryVirtualMachinesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<VirtualMachineFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<VirtualMachineOrder>;
};

export type Quota = {
  dimension: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  maximum: Scalars['Int']['output'];
  used: Scalars['Int']['output'];
};

export type QuotaConnection = {
  edges: Array<QuotaEdge>;
  nodes: Array<Quota>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type QuotaEdge = {
  cursor: Scalars['String']['output'];
  node: Quota;
};

export type QuotaOrder =
  | 'DIMENSION';

export type RemovedMemberPayload = {
  tenantId: Scalars['ID']['output'];
  userId: Scalars['ID']['output'];
};

export type Resource = {
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  metadata?: Maybe<Scalars['JSON']['output']>;
  name: Scalars['String']['output'];
  operations: OperationConnection;
  site: Site;
  status: ResourceStatus;
  type: ResourceType;
  updatedAt: Scalars['DateTime']['output'];
};


export type ResourceOperationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<OperationFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<OperationOrder>;
};

export type ResourceConnection = {
  edges: Array<ResourceEdge>;
  nodes: Array<Resource>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type ResourceEdge = {
  cursor: Scalars['String']['output'];
  node: Resource;
};

export type ResourceFilter = {
  and?: InputMaybe<Array<ResourceFilter>>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<ResourceFilter>;
  or?: InputMaybe<Array<ResourceFilter>>;
  status?: InputMaybe<ResourceStatusFilter>;
  type?: InputMaybe<ResourceTypeFilter>;
};

export type ResourceOrder =
  | 'CREATED_AT'
  | 'NAME';

export type ResourceStatus =
  | 'ERROR'
  | 'PENDING'
  | 'RUNNING'
  | 'STOPPED';

export type ResourceStatusFilter = {
  eq?: InputMaybe<ResourceStatus>;
  in?: InputMaybe<Array<ResourceStatus>>;
  ne?: InputMaybe<ResourceStatus>;
};

export type ResourceType =
  | 'CONTAINER'
  | 'NETWORK'
  | 'STORAGE'
  | 'VM';

export type ResourceTypeFilter = {
  eq?: InputMaybe<ResourceType>;
  in?: InputMaybe<Array<ResourceType>>;
  ne?: InputMaybe<ResourceType>;
};

export type RevokedApiKeyPayload = {
  apiKeyId: Scalars['ID']['output'];
};

export type RevokedSessionsPayload = {
  ids: Array<Scalars['ID']['output']>;
};

export type Role =
  | 'PLATFORM_ADMIN'
  | 'TENANT_ADMIN'
  | 'TENANT_MEMBER'
  | 'TENANT_OWNER'
  | 'TENANT_VIEWER';

export type SecondFactorResetPayload = {
  userId: Scalars['ID']['output'];
};

export type ServiceAccount = {
  createdAt: Scalars['DateTime']['output'];
  createdBy: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  keys: ApiKeyConnection;
  name: Scalars['String']['output'];
  role: Role;
};


export type ServiceAccountKeysArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ApiKeyFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ApiKeyOrder>;
};

export type ServiceAccountConnection = {
  edges: Array<ServiceAccountEdge>;
  nodes: Array<ServiceAccount>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type ServiceAccountEdge = {
  cursor: Scalars['String']['output'];
  node: ServiceAccount;
};

export type ServiceAccountFilter = {
  and?: InputMaybe<Array<ServiceAccountFilter>>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<ServiceAccountFilter>;
  or?: InputMaybe<Array<ServiceAccountFilter>>;
};

export type ServiceAccountOrder =
  | 'CREATED_AT'
  | 'NAME';

export type ServiceAccountPayload = {
  serviceAccount: ServiceAccount;
};

export type Session = {
  acr: Scalars['String']['output'];
  address: Scalars['String']['output'];
  amr: Array<Scalars['String']['output']>;
  authTime: Scalars['DateTime']['output'];
  createdAt: Scalars['DateTime']['output'];
  current: Scalars['Boolean']['output'];
  expiresAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  lastSeenAt: Scalars['DateTime']['output'];
  userAgent: Scalars['String']['output'];
};

export type Severity =
  | 'P0'
  | 'P1'
  | 'P2'
  | 'P3';

export type SeverityFilter = {
  eq?: InputMaybe<Severity>;
  in?: InputMaybe<Array<Severity>>;
  ne?: InputMaybe<Severity>;
};

export type Site = {
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  name: Scalars['String']['output'];
  region: Scalars['String']['output'];
  resources: ResourceConnection;
  status: SiteStatus;
  updatedAt: Scalars['DateTime']['output'];
};


export type SiteResourcesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ResourceFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ResourceOrder>;
};

export type SiteConnection = {
  edges: Array<SiteEdge>;
  nodes: Array<Site>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type SiteEdge = {
  cursor: Scalars['String']['output'];
  node: Site;
};

export type SiteFilter = {
  and?: InputMaybe<Array<SiteFilter>>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<SiteFilter>;
  or?: InputMaybe<Array<SiteFilter>>;
  region?: InputMaybe<StringFilter>;
};

export type SiteOrder =
  | 'NAME';

export type SiteStatus =
  | 'ACTIVE'
  | 'MAINTENANCE'
  | 'OFFLINE';

export type StringFilter = {
  contains?: InputMaybe<Scalars['String']['input']>;
  eq?: InputMaybe<Scalars['String']['input']>;
  in?: InputMaybe<Array<Scalars['String']['input']>>;
  ne?: InputMaybe<Scalars['String']['input']>;
};

export type Subscription = {
  alertChanged: AlertChange;
  alerts: AlertConnection;
  apiKeyChanged: ApiKeyChange;
  apiKeys: ApiKeyConnection;
  auditEntryChanged: AuditEntryChange;
  auditLog: AuditEntryConnection;
  incidentChanged: IncidentChange;
  incidentEntryChanged: IncidentEntryChange;
  incidents: IncidentConnection;
  operationChanged: OperationChange;
  operations: OperationConnection;
  serviceAccounts: ServiceAccountConnection;
  tenantChanged: TenantChange;
  tenants: TenantConnection;
  virtualMachineChanged: VirtualMachineChange;
  virtualMachines: VirtualMachineConnection;
};


export type SubscriptionAlertChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionAlertsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AlertFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AlertOrder>;
};


export type SubscriptionApiKeyChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionApiKeysArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ApiKeyFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ApiKeyOrder>;
};


export type SubscriptionAuditEntryChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
};


export type SubscriptionAuditLogArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AuditEntryFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AuditEntryOrder>;
};


export type SubscriptionIncidentChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionIncidentEntryChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
};


export type SubscriptionIncidentsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<IncidentFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<IncidentOrder>;
};


export type SubscriptionOperationChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionOperationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<OperationFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<OperationOrder>;
};


export type SubscriptionServiceAccountsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<ServiceAccountFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<ServiceAccountOrder>;
};


export type SubscriptionTenantChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionTenantsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<TenantFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<TenantOrder>;
};


export type SubscriptionVirtualMachineChangedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  id?: InputMaybe<Scalars['ID']['input']>;
};


export type SubscriptionVirtualMachinesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<VirtualMachineFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<VirtualMachineOrder>;
};

export type Tenant = {
  createdAt: Scalars['DateTime']['output'];
  displayName: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  members: MembershipConnection;
  name: Scalars['String']['output'];
  quotas: QuotaConnection;
  status: TenantStatus;
  tier: TenantTier;
  updatedAt: Scalars['DateTime']['output'];
  version: Scalars['Int']['output'];
};


export type TenantMembersArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<MembershipOrder>;
};


export type TenantQuotasArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<QuotaOrder>;
};

export type TenantChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<Tenant>;
};

export type TenantConnection = {
  edges: Array<TenantEdge>;
  nodes: Array<Tenant>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type TenantEdge = {
  cursor: Scalars['String']['output'];
  node: Tenant;
};

export type TenantFilter = {
  and?: InputMaybe<Array<TenantFilter>>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<TenantFilter>;
  or?: InputMaybe<Array<TenantFilter>>;
  status?: InputMaybe<TenantStatusFilter>;
  tier?: InputMaybe<TenantTierFilter>;
};

export type TenantOrder =
  | 'CREATED_AT'
  | 'NAME';

export type TenantPayload = {
  tenant: Tenant;
};

export type TenantStatus =
  | 'ACTIVE'
  | 'DELETED'
  | 'SUSPENDED';

export type TenantStatusFilter = {
  eq?: InputMaybe<TenantStatus>;
  in?: InputMaybe<Array<TenantStatus>>;
  ne?: InputMaybe<TenantStatus>;
};

export type TenantTier =
  | 'ENTERPRISE'
  | 'FREE'
  | 'SOVEREIGN'
  | 'STANDARD';

export type TenantTierFilter = {
  eq?: InputMaybe<TenantTier>;
  in?: InputMaybe<Array<TenantTier>>;
  ne?: InputMaybe<TenantTier>;
};

export type UnknownGuest = {
  id: Scalars['ID']['output'];
  name: Scalars['String']['output'];
  running: Scalars['Boolean']['output'];
  tenantId: Scalars['ID']['output'];
  tenantName?: Maybe<Scalars['String']['output']>;
};

export type UnknownGuestPayload = {
  operation: Operation;
};

export type UpdateIncidentInput = {
  affectedServices?: InputMaybe<Array<Scalars['String']['input']>>;
  impact?: InputMaybe<Scalars['String']['input']>;
  reason?: InputMaybe<Scalars['String']['input']>;
  resolution?: InputMaybe<Scalars['String']['input']>;
  rootCause?: InputMaybe<Scalars['String']['input']>;
  severity?: InputMaybe<Severity>;
  title?: InputMaybe<Scalars['String']['input']>;
};

export type User = {
  createdAt: Scalars['DateTime']['output'];
  email: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  name: Scalars['String']['output'];
};

export type UserPayload = {
  userId: Scalars['ID']['output'];
};

export type Viewer = {
  email: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  memberships: Array<ViewerMembership>;
  name: Scalars['String']['output'];
  platformAdmin: Scalars['Boolean']['output'];
};

export type ViewerMembership = {
  role: Role;
  tenantDisplayName: Scalars['String']['output'];
  tenantId: Scalars['ID']['output'];
  tenantName: Scalars['String']['output'];
  tenantTier: TenantTier;
};

export type VirtualMachine = {
  alerts: AlertConnection;
  bootedAt?: Maybe<Scalars['DateTime']['output']>;
  createdAt: Scalars['DateTime']['output'];
  createdBy: Scalars['String']['output'];
  desiredState: DesiredState;
  diskGib: Scalars['Int']['output'];
  generation: Scalars['Int']['output'];
  id: Scalars['ID']['output'];
  image: Image;
  lastSeenAt?: Maybe<Scalars['DateTime']['output']>;
  memoryMib: Scalars['Int']['output'];
  name: Scalars['String']['output'];
  nextAction?: Maybe<Scalars['String']['output']>;
  observedGeneration: Scalars['Int']['output'];
  operations: OperationConnection;
  portForwards: Scalars['JSON']['output'];
  providerState?: Maybe<Scalars['String']['output']>;
  site: Site;
  state: VirtualMachineState;
  stateReason?: Maybe<Scalars['String']['output']>;
  stateSince: Scalars['DateTime']['output'];
  tenant: Tenant;
  updatedAt: Scalars['DateTime']['output'];
  usage?: Maybe<VirtualMachineUsage>;
  vcpus: Scalars['Int']['output'];
  version: Scalars['Int']['output'];
};


export type VirtualMachineAlertsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<AlertFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<AlertOrder>;
};


export type VirtualMachineOperationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  direction?: InputMaybe<OrderDirection>;
  filter?: InputMaybe<OperationFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<OperationOrder>;
};

export type VirtualMachineChange = {
  cursor: Scalars['String']['output'];
  id?: Maybe<Scalars['ID']['output']>;
  kind: ChangeKind;
  node?: Maybe<VirtualMachine>;
};

export type VirtualMachineConnection = {
  edges: Array<VirtualMachineEdge>;
  nodes: Array<VirtualMachine>;
  pageInfo: PageInfo;
  totalCount: Scalars['Int']['output'];
  totalCountExact: Scalars['Boolean']['output'];
};

export type VirtualMachineEdge = {
  cursor: Scalars['String']['output'];
  node: VirtualMachine;
};

export type VirtualMachineFilter = {
  and?: InputMaybe<Array<VirtualMachineFilter>>;
  diskGib?: InputMaybe<IntFilter>;
  memoryMib?: InputMaybe<IntFilter>;
  name?: InputMaybe<StringFilter>;
  not?: InputMaybe<VirtualMachineFilter>;
  or?: InputMaybe<Array<VirtualMachineFilter>>;
  state?: InputMaybe<VirtualMachineStateFilter>;
  vcpus?: InputMaybe<IntFilter>;
};

export type VirtualMachineOrder =
  | 'CREATED_AT'
  | 'NAME';

export type VirtualMachinePayload = {
  operation: Operation;
  virtualMachine?: Maybe<VirtualMachine>;
};

export type VirtualMachineState =
  | 'DEGRADED'
  | 'DELETING'
  | 'LOST'
  | 'PAUSED'
  | 'PENDING'
  | 'PROVISIONING'
  | 'RUNNING'
  | 'STARTING'
  | 'STOPPED'
  | 'STOPPING'
  | 'UNKNOWN';

export type VirtualMachineStateFilter = {
  eq?: InputMaybe<VirtualMachineState>;
  in?: InputMaybe<Array<VirtualMachineState>>;
  ne?: InputMaybe<VirtualMachineState>;
};

export type VirtualMachineUsage = {
  cpuLoad?: Maybe<Scalars['Float']['output']>;
  cpuSeconds: Scalars['Float']['output'];
  memoryMib: Scalars['Float']['output'];
};

export type TenantChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type TenantChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, name: string, displayName: string, tier: TenantTier, status: TenantStatus, createdAt: string, updatedAt: string, version: number } | null } };

export type MachineChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type MachineChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null } };

export type OperationChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type OperationChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } | null } };

export type IncidentChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type IncidentChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } | null } };

export type EntryChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type EntryChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, at: string, kind: string, body: string, actor: string, incident: { id: string } } | null } };

export type AlertChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type AlertChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, fingerprint: string, status: AlertStatus, source: string, name: string, summary: string, labels: unknown, startsAt: string, endsAt?: string | null, receivedAt: string, deliveries: number, version: number, incident?: { id: string } | null, virtualMachine?: { id: string, name: string } | null } | null } };

export type KeyChangesSubscriptionVariables = Exact<{
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type KeyChangesSubscription = { change: { kind: ChangeKind, cursor: string, id?: string | null, node?: { id: string, prefix: string, scopes: Array<ApiKeyScope>, allowedAddresses: Array<string>, createdBy: string, createdAt: string, expiresAt?: string | null, rotatedAt?: string | null, lastUsedAt?: string | null, version: number, serviceAccount: { id: string, name: string, role: Role } } | null } };

export type TenantFieldsFragment = { id: string, name: string, displayName: string, tier: TenantTier, status: TenantStatus, createdAt: string, updatedAt: string, version: number };

export type MachineFieldsFragment = { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } };

export type OperationFieldsFragment = { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null };

export type IncidentFieldsFragment = { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null };

export type EntryFieldsFragment = { id: string, at: string, kind: string, body: string, actor: string, incident: { id: string } };

export type AlertFieldsFragment = { id: string, fingerprint: string, status: AlertStatus, source: string, name: string, summary: string, labels: unknown, startsAt: string, endsAt?: string | null, receivedAt: string, deliveries: number, version: number, incident?: { id: string } | null, virtualMachine?: { id: string, name: string } | null };

export type KeyFieldsFragment = { id: string, prefix: string, scopes: Array<ApiKeyScope>, allowedAddresses: Array<string>, createdBy: string, createdAt: string, expiresAt?: string | null, rotatedAt?: string | null, lastUsedAt?: string | null, version: number, serviceAccount: { id: string, name: string, role: Role } };

export type CreateTenantMutationVariables = Exact<{
  input: CreateTenantInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type CreateTenantMutation = { createTenant: { tenant: { id: string, name: string, displayName: string, tier: TenantTier, status: TenantStatus, createdAt: string, updatedAt: string, version: number } } };

export type SetPasswordMutationVariables = Exact<{
  current?: InputMaybe<Scalars['String']['input']>;
  password: Scalars['String']['input'];
}>;


export type SetPasswordMutation = { setPassword: { userId: string } };

export type CreateMachineMutationVariables = Exact<{
  input: CreateVirtualMachineInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type CreateMachineMutation = { createVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type StartMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type StartMachineMutation = { startVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type StopMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  force: Scalars['Boolean']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type StopMachineMutation = { stopVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type RebootMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type RebootMachineMutation = { rebootVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type PauseMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type PauseMachineMutation = { pauseVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type ResumeMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type ResumeMachineMutation = { resumeVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type DeleteMachineMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type DeleteMachineMutation = { deleteVirtualMachine: { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type CancelOperationMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type CancelOperationMutation = { cancelOperation: { operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type RetryOperationMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type RetryOperationMutation = { retryOperation: { operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type DeclareIncidentMutationVariables = Exact<{
  input: DeclareIncidentInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type DeclareIncidentMutation = { declareIncident: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } } };

export type AcknowledgeIncidentMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type AcknowledgeIncidentMutation = { acknowledgeIncident: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } } };

export type UpdateIncidentMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  input: UpdateIncidentInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type UpdateIncidentMutation = { updateIncident: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } } };

export type SetIncidentStatusMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  status: IncidentStatus;
  note: Scalars['String']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type SetIncidentStatusMutation = { setIncidentStatus: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } } };

export type AddIncidentNoteMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  body: Scalars['String']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type AddIncidentNoteMutation = { addIncidentNote: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } } };

export type RestartIncidentGuestMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type RestartIncidentGuestMutation = { restartIncidentGuest: { incident: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null }, operation: { id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null } } };

export type CreateServiceAccountMutationVariables = Exact<{
  input: CreateServiceAccountInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type CreateServiceAccountMutation = { createServiceAccount: { serviceAccount: { id: string, name: string, role: Role } } };

export type DeleteServiceAccountMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type DeleteServiceAccountMutation = { deleteServiceAccount: { serviceAccountId: string } };

export type CreateKeyMutationVariables = Exact<{
  input: CreateApiKeyInput;
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type CreateKeyMutation = { createApiKey: { secret?: string | null, apiKey: { id: string, prefix: string, scopes: Array<ApiKeyScope>, allowedAddresses: Array<string>, createdBy: string, createdAt: string, expiresAt?: string | null, rotatedAt?: string | null, lastUsedAt?: string | null, version: number, serviceAccount: { id: string, name: string, role: Role } } } };

export type RotateKeyMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  overlapSeconds: Scalars['Int']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type RotateKeyMutation = { rotateApiKey: { secret?: string | null, apiKey: { id: string, prefix: string, scopes: Array<ApiKeyScope>, allowedAddresses: Array<string>, createdBy: string, createdAt: string, expiresAt?: string | null, rotatedAt?: string | null, lastUsedAt?: string | null, version: number, serviceAccount: { id: string, name: string, role: Role } } } };

export type RevokeKeyMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  key?: InputMaybe<Scalars['String']['input']>;
}>;


export type RevokeKeyMutation = { revokeApiKey: { apiKeyId: string } };

export type RevokeSessionMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type RevokeSessionMutation = { revokeSession: { ids: Array<string> } };

export type RevokeOtherSessionsMutationVariables = Exact<{ [key: string]: never; }>;


export type RevokeOtherSessionsMutation = { revokeOtherSessions: { ids: Array<string> } };

export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { me: { id: string, email: string, name: string, platformAdmin: boolean, memberships: Array<{ role: Role, tenantId: string, tenantName: string, tenantDisplayName: string, tenantTier: TenantTier }> } };

export type EventCursorQueryVariables = Exact<{ [key: string]: never; }>;


export type EventCursorQuery = { eventCursor: string };

export type TenantByNameQueryVariables = Exact<{
  name: Scalars['String']['input'];
}>;


export type TenantByNameQuery = { tenants: { nodes: Array<{ id: string, name: string, displayName: string, tier: TenantTier, status: TenantStatus }> } };

export type TenantSearchQueryVariables = Exact<{
  text: Scalars['String']['input'];
}>;


export type TenantSearchQuery = { tenants: { totalCount: number, nodes: Array<{ id: string, name: string, displayName: string, tier: TenantTier }> } };

export type TenantListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<TenantFilter>;
  orderBy?: InputMaybe<TenantOrder>;
  direction?: InputMaybe<OrderDirection>;
}>;


export type TenantListQuery = { tenants: { totalCount: number, nodes: Array<{ id: string, name: string, displayName: string, tier: TenantTier, status: TenantStatus, createdAt: string, updatedAt: string, version: number }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } };

export type TenantQuotasQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type TenantQuotasQuery = { tenant?: { id: string, quotas: { nodes: Array<{ id: string, dimension: string, used: number, maximum: number }> } } | null };

export type MachineListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<VirtualMachineFilter>;
  orderBy?: InputMaybe<VirtualMachineOrder>;
  direction?: InputMaybe<OrderDirection>;
}>;


export type MachineListQuery = { virtualMachines: { totalCount: number, nodes: Array<{ id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } };

export type MachineDetailQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type MachineDetailQuery = { virtualMachine?: { id: string, name: string, vcpus: number, memoryMib: number, diskGib: number, state: VirtualMachineState, stateSince: string, stateReason?: string | null, nextAction?: string | null, providerState?: string | null, desiredState: DesiredState, bootedAt?: string | null, lastSeenAt?: string | null, portForwards: unknown, createdBy: string, createdAt: string, updatedAt: string, version: number, tenant: { id: string, name: string, displayName: string }, image: { id: string, name: string }, site: { id: string, name: string, region: string } } | null };

export type MachineUsageQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type MachineUsageQuery = { virtualMachine?: { id: string, usage?: { cpuSeconds: number, cpuLoad?: number | null, memoryMib: number } | null } | null };

export type MachineNameTakenQueryVariables = Exact<{
  name: Scalars['String']['input'];
}>;


export type MachineNameTakenQuery = { virtualMachines: { nodes: Array<{ id: string }> } };

export type ImageListQueryVariables = Exact<{ [key: string]: never; }>;


export type ImageListQuery = { images: { nodes: Array<{ id: string, name: string, description: string, format: string, sizeMib: number, minMemoryMib: number, minDiskGib: number }> } };

export type OperationListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<OperationFilter>;
  orderBy?: InputMaybe<OperationOrder>;
  direction?: InputMaybe<OrderDirection>;
}>;


export type OperationListQuery = { operations: { totalCount: number, nodes: Array<{ id: string, kind: string, state: OperationState, objectType: string, objectId: string, objectName: string, progress: number, step: string, attempts: number, reason?: string | null, nextAction?: string | null, requestedBy: string, deadlineAt: string, createdAt: string, startedAt?: string | null, finishedAt?: string | null, version: number, tenant?: { id: string, name: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } };

export type IncidentListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<IncidentFilter>;
  orderBy?: InputMaybe<IncidentOrder>;
  direction?: InputMaybe<OrderDirection>;
}>;


export type IncidentListQuery = { incidents: { totalCount: number, nodes: Array<{ id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } };

export type IncidentDetailQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type IncidentDetailQuery = { incident?: { id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null } | null };

export type IncidentByReferenceQueryVariables = Exact<{
  reference: Scalars['String']['input'];
}>;


export type IncidentByReferenceQuery = { incidents: { nodes: Array<{ id: string, reference: string, number: number, title: string, severity: Severity, status: IncidentStatus, affectedServices: Array<string>, impact: string, rootCause: string, resolution: string, channel: string, origin: string, declaredBy: string, commander?: string | null, startedAt: string, declaredAt: string, responseDueAt: string, respondedAt?: string | null, resolutionDueAt: string, identifiedAt?: string | null, monitoringSince?: string | null, monitoringUntil?: string | null, resolvedAt?: string | null, relapses: number, createdAt: string, updatedAt: string, version: number, tenant?: { id: string, name: string, displayName: string } | null, virtualMachine?: { id: string, name: string, state: VirtualMachineState } | null }> } };

export type IncidentTimelineQueryVariables = Exact<{
  id: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type IncidentTimelineQuery = { incident?: { id: string, timeline: { totalCount: number, nodes: Array<{ id: string, at: string, kind: string, body: string, actor: string, incident: { id: string } }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } } | null };

export type IncidentAlertsQueryVariables = Exact<{
  id: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type IncidentAlertsQuery = { incident?: { id: string, alerts: { totalCount: number, nodes: Array<{ id: string, fingerprint: string, status: AlertStatus, source: string, name: string, summary: string, labels: unknown, startsAt: string, endsAt?: string | null, receivedAt: string, deliveries: number, version: number, incident?: { id: string } | null, virtualMachine?: { id: string, name: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } } | null };

export type IncidentReportQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type IncidentReportQuery = { incidentReport: string };

export type OpenIncidentCountQueryVariables = Exact<{ [key: string]: never; }>;


export type OpenIncidentCountQuery = { incidents: { totalCount: number } };

export type KeyListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<ApiKeyFilter>;
  direction?: InputMaybe<OrderDirection>;
}>;


export type KeyListQuery = { apiKeys: { totalCount: number, nodes: Array<{ id: string, prefix: string, scopes: Array<ApiKeyScope>, allowedAddresses: Array<string>, createdBy: string, createdAt: string, expiresAt?: string | null, rotatedAt?: string | null, lastUsedAt?: string | null, version: number, serviceAccount: { id: string, name: string, role: Role } }>, pageInfo: { hasNextPage: boolean, endCursor?: string | null } } };

export type ServiceAccountListQueryVariables = Exact<{
  first: Scalars['Int']['input'];
}>;


export type ServiceAccountListQuery = { serviceAccounts: { nodes: Array<{ id: string, name: string, role: Role }> } };

export type SessionsQueryVariables = Exact<{ [key: string]: never; }>;


export type SessionsQuery = { sessions: Array<{ id: string, createdAt: string, lastSeenAt: string, address: string, userAgent: string, amr: Array<string>, acr: string, current: boolean }> };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const TenantFieldsFragmentDoc = new TypedDocumentString(`
    fragment TenantFields on Tenant {
  id
  name
  displayName
  tier
  status
  createdAt
  updatedAt
  version
}
    `, {"fragmentName":"TenantFields"}) as unknown as TypedDocumentString<TenantFieldsFragment, unknown>;
export const MachineFieldsFragmentDoc = new TypedDocumentString(`
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
    `, {"fragmentName":"MachineFields"}) as unknown as TypedDocumentString<MachineFieldsFragment, unknown>;
export const OperationFieldsFragmentDoc = new TypedDocumentString(`
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}
    `, {"fragmentName":"OperationFields"}) as unknown as TypedDocumentString<OperationFieldsFragment, unknown>;
export const IncidentFieldsFragmentDoc = new TypedDocumentString(`
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}
    `, {"fragmentName":"IncidentFields"}) as unknown as TypedDocumentString<IncidentFieldsFragment, unknown>;
export const EntryFieldsFragmentDoc = new TypedDocumentString(`
    fragment EntryFields on IncidentEntry {
  id
  incident {
    id
  }
  at
  kind
  body
  actor
}
    `, {"fragmentName":"EntryFields"}) as unknown as TypedDocumentString<EntryFieldsFragment, unknown>;
export const AlertFieldsFragmentDoc = new TypedDocumentString(`
    fragment AlertFields on Alert {
  id
  fingerprint
  status
  source
  name
  summary
  labels
  startsAt
  endsAt
  receivedAt
  deliveries
  incident {
    id
  }
  virtualMachine {
    id
    name
  }
  version
}
    `, {"fragmentName":"AlertFields"}) as unknown as TypedDocumentString<AlertFieldsFragment, unknown>;
export const KeyFieldsFragmentDoc = new TypedDocumentString(`
    fragment KeyFields on ApiKey {
  id
  prefix
  serviceAccount {
    id
    name
    role
  }
  scopes
  allowedAddresses
  createdBy
  createdAt
  expiresAt
  rotatedAt
  lastUsedAt
  version
}
    `, {"fragmentName":"KeyFields"}) as unknown as TypedDocumentString<KeyFieldsFragment, unknown>;
export const TenantChangesDocument = new TypedDocumentString(`
    subscription TenantChanges($after: String) {
  change: tenantChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...TenantFields
    }
  }
}
    fragment TenantFields on Tenant {
  id
  name
  displayName
  tier
  status
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<TenantChangesSubscription, TenantChangesSubscriptionVariables>;
export const MachineChangesDocument = new TypedDocumentString(`
    subscription MachineChanges($after: String) {
  change: virtualMachineChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...MachineFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<MachineChangesSubscription, MachineChangesSubscriptionVariables>;
export const OperationChangesDocument = new TypedDocumentString(`
    subscription OperationChanges($after: String) {
  change: operationChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...OperationFields
    }
  }
}
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<OperationChangesSubscription, OperationChangesSubscriptionVariables>;
export const IncidentChangesDocument = new TypedDocumentString(`
    subscription IncidentChanges($after: String) {
  change: incidentChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<IncidentChangesSubscription, IncidentChangesSubscriptionVariables>;
export const EntryChangesDocument = new TypedDocumentString(`
    subscription EntryChanges($after: String) {
  change: incidentEntryChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...EntryFields
    }
  }
}
    fragment EntryFields on IncidentEntry {
  id
  incident {
    id
  }
  at
  kind
  body
  actor
}`) as unknown as TypedDocumentString<EntryChangesSubscription, EntryChangesSubscriptionVariables>;
export const AlertChangesDocument = new TypedDocumentString(`
    subscription AlertChanges($after: String) {
  change: alertChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...AlertFields
    }
  }
}
    fragment AlertFields on Alert {
  id
  fingerprint
  status
  source
  name
  summary
  labels
  startsAt
  endsAt
  receivedAt
  deliveries
  incident {
    id
  }
  virtualMachine {
    id
    name
  }
  version
}`) as unknown as TypedDocumentString<AlertChangesSubscription, AlertChangesSubscriptionVariables>;
export const KeyChangesDocument = new TypedDocumentString(`
    subscription KeyChanges($after: String) {
  change: apiKeyChanged(after: $after) {
    kind
    cursor
    id
    node {
      ...KeyFields
    }
  }
}
    fragment KeyFields on ApiKey {
  id
  prefix
  serviceAccount {
    id
    name
    role
  }
  scopes
  allowedAddresses
  createdBy
  createdAt
  expiresAt
  rotatedAt
  lastUsedAt
  version
}`) as unknown as TypedDocumentString<KeyChangesSubscription, KeyChangesSubscriptionVariables>;
export const CreateTenantDocument = new TypedDocumentString(`
    mutation CreateTenant($input: CreateTenantInput!, $key: String) {
  createTenant(input: $input, idempotencyKey: $key) {
    tenant {
      ...TenantFields
    }
  }
}
    fragment TenantFields on Tenant {
  id
  name
  displayName
  tier
  status
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<CreateTenantMutation, CreateTenantMutationVariables>;
export const SetPasswordDocument = new TypedDocumentString(`
    mutation SetPassword($current: String, $password: String!) {
  setPassword(current: $current, password: $password) {
    userId
  }
}
    `) as unknown as TypedDocumentString<SetPasswordMutation, SetPasswordMutationVariables>;
export const CreateMachineDocument = new TypedDocumentString(`
    mutation CreateMachine($input: CreateVirtualMachineInput!, $key: String) {
  createVirtualMachine(input: $input, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<CreateMachineMutation, CreateMachineMutationVariables>;
export const StartMachineDocument = new TypedDocumentString(`
    mutation StartMachine($id: ID!, $key: String) {
  startVirtualMachine(id: $id, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<StartMachineMutation, StartMachineMutationVariables>;
export const StopMachineDocument = new TypedDocumentString(`
    mutation StopMachine($id: ID!, $force: Boolean!, $key: String) {
  stopVirtualMachine(id: $id, force: $force, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<StopMachineMutation, StopMachineMutationVariables>;
export const RebootMachineDocument = new TypedDocumentString(`
    mutation RebootMachine($id: ID!, $key: String) {
  rebootVirtualMachine(id: $id, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<RebootMachineMutation, RebootMachineMutationVariables>;
export const PauseMachineDocument = new TypedDocumentString(`
    mutation PauseMachine($id: ID!, $key: String) {
  pauseVirtualMachine(id: $id, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<PauseMachineMutation, PauseMachineMutationVariables>;
export const ResumeMachineDocument = new TypedDocumentString(`
    mutation ResumeMachine($id: ID!, $key: String) {
  resumeVirtualMachine(id: $id, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<ResumeMachineMutation, ResumeMachineMutationVariables>;
export const DeleteMachineDocument = new TypedDocumentString(`
    mutation DeleteMachine($id: ID!, $key: String) {
  deleteVirtualMachine(id: $id, idempotencyKey: $key) {
    virtualMachine {
      ...MachineFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}
fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<DeleteMachineMutation, DeleteMachineMutationVariables>;
export const CancelOperationDocument = new TypedDocumentString(`
    mutation CancelOperation($id: ID!, $key: String) {
  cancelOperation(id: $id, idempotencyKey: $key) {
    operation {
      ...OperationFields
    }
  }
}
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<CancelOperationMutation, CancelOperationMutationVariables>;
export const RetryOperationDocument = new TypedDocumentString(`
    mutation RetryOperation($id: ID!, $key: String) {
  retryOperation(id: $id, idempotencyKey: $key) {
    operation {
      ...OperationFields
    }
  }
}
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<RetryOperationMutation, RetryOperationMutationVariables>;
export const DeclareIncidentDocument = new TypedDocumentString(`
    mutation DeclareIncident($input: DeclareIncidentInput!, $key: String) {
  declareIncident(input: $input, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<DeclareIncidentMutation, DeclareIncidentMutationVariables>;
export const AcknowledgeIncidentDocument = new TypedDocumentString(`
    mutation AcknowledgeIncident($id: ID!, $key: String) {
  acknowledgeIncident(id: $id, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<AcknowledgeIncidentMutation, AcknowledgeIncidentMutationVariables>;
export const UpdateIncidentDocument = new TypedDocumentString(`
    mutation UpdateIncident($id: ID!, $input: UpdateIncidentInput!, $key: String) {
  updateIncident(id: $id, input: $input, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<UpdateIncidentMutation, UpdateIncidentMutationVariables>;
export const SetIncidentStatusDocument = new TypedDocumentString(`
    mutation SetIncidentStatus($id: ID!, $status: IncidentStatus!, $note: String!, $key: String) {
  setIncidentStatus(id: $id, status: $status, note: $note, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<SetIncidentStatusMutation, SetIncidentStatusMutationVariables>;
export const AddIncidentNoteDocument = new TypedDocumentString(`
    mutation AddIncidentNote($id: ID!, $body: String!, $key: String) {
  addIncidentNote(id: $id, body: $body, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<AddIncidentNoteMutation, AddIncidentNoteMutationVariables>;
export const RestartIncidentGuestDocument = new TypedDocumentString(`
    mutation RestartIncidentGuest($id: ID!, $key: String) {
  restartIncidentGuest(id: $id, idempotencyKey: $key) {
    incident {
      ...IncidentFields
    }
    operation {
      ...OperationFields
    }
  }
}
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}
fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<RestartIncidentGuestMutation, RestartIncidentGuestMutationVariables>;
export const CreateServiceAccountDocument = new TypedDocumentString(`
    mutation CreateServiceAccount($input: CreateServiceAccountInput!, $key: String) {
  createServiceAccount(input: $input, idempotencyKey: $key) {
    serviceAccount {
      id
      name
      role
    }
  }
}
    `) as unknown as TypedDocumentString<CreateServiceAccountMutation, CreateServiceAccountMutationVariables>;
export const DeleteServiceAccountDocument = new TypedDocumentString(`
    mutation DeleteServiceAccount($id: ID!, $key: String) {
  deleteServiceAccount(id: $id, idempotencyKey: $key) {
    serviceAccountId
  }
}
    `) as unknown as TypedDocumentString<DeleteServiceAccountMutation, DeleteServiceAccountMutationVariables>;
export const CreateKeyDocument = new TypedDocumentString(`
    mutation CreateKey($input: CreateApiKeyInput!, $key: String) {
  createApiKey(input: $input, idempotencyKey: $key) {
    secret
    apiKey {
      ...KeyFields
    }
  }
}
    fragment KeyFields on ApiKey {
  id
  prefix
  serviceAccount {
    id
    name
    role
  }
  scopes
  allowedAddresses
  createdBy
  createdAt
  expiresAt
  rotatedAt
  lastUsedAt
  version
}`) as unknown as TypedDocumentString<CreateKeyMutation, CreateKeyMutationVariables>;
export const RotateKeyDocument = new TypedDocumentString(`
    mutation RotateKey($id: ID!, $overlapSeconds: Int!, $key: String) {
  rotateApiKey(id: $id, overlapSeconds: $overlapSeconds, idempotencyKey: $key) {
    secret
    apiKey {
      ...KeyFields
    }
  }
}
    fragment KeyFields on ApiKey {
  id
  prefix
  serviceAccount {
    id
    name
    role
  }
  scopes
  allowedAddresses
  createdBy
  createdAt
  expiresAt
  rotatedAt
  lastUsedAt
  version
}`) as unknown as TypedDocumentString<RotateKeyMutation, RotateKeyMutationVariables>;
export const RevokeKeyDocument = new TypedDocumentString(`
    mutation RevokeKey($id: ID!, $key: String) {
  revokeApiKey(id: $id, idempotencyKey: $key) {
    apiKeyId
  }
}
    `) as unknown as TypedDocumentString<RevokeKeyMutation, RevokeKeyMutationVariables>;
export const RevokeSessionDocument = new TypedDocumentString(`
    mutation RevokeSession($id: ID!) {
  revokeSession(id: $id) {
    ids
  }
}
    `) as unknown as TypedDocumentString<RevokeSessionMutation, RevokeSessionMutationVariables>;
export const RevokeOtherSessionsDocument = new TypedDocumentString(`
    mutation RevokeOtherSessions {
  revokeOtherSessions {
    ids
  }
}
    `) as unknown as TypedDocumentString<RevokeOtherSessionsMutation, RevokeOtherSessionsMutationVariables>;
export const MeDocument = new TypedDocumentString(`
    query Me {
  me {
    id
    email
    name
    platformAdmin
    memberships {
      role
      tenantId
      tenantName
      tenantDisplayName
      tenantTier
    }
  }
}
    `) as unknown as TypedDocumentString<MeQuery, MeQueryVariables>;
export const EventCursorDocument = new TypedDocumentString(`
    query EventCursor {
  eventCursor
}
    `) as unknown as TypedDocumentString<EventCursorQuery, EventCursorQueryVariables>;
export const TenantByNameDocument = new TypedDocumentString(`
    query TenantByName($name: String!) {
  tenants(first: 1, filter: {name: {eq: $name}}) {
    nodes {
      id
      name
      displayName
      tier
      status
    }
  }
}
    `) as unknown as TypedDocumentString<TenantByNameQuery, TenantByNameQueryVariables>;
export const TenantSearchDocument = new TypedDocumentString(`
    query TenantSearch($text: String!) {
  tenants(first: 12, filter: {name: {contains: $text}}, orderBy: NAME) {
    nodes {
      id
      name
      displayName
      tier
    }
    totalCount
  }
}
    `) as unknown as TypedDocumentString<TenantSearchQuery, TenantSearchQueryVariables>;
export const TenantListDocument = new TypedDocumentString(`
    query TenantList($first: Int!, $after: String, $filter: TenantFilter, $orderBy: TenantOrder, $direction: OrderDirection) {
  tenants(
    first: $first
    after: $after
    filter: $filter
    orderBy: $orderBy
    direction: $direction
  ) {
    nodes {
      ...TenantFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment TenantFields on Tenant {
  id
  name
  displayName
  tier
  status
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<TenantListQuery, TenantListQueryVariables>;
export const TenantQuotasDocument = new TypedDocumentString(`
    query TenantQuotas($id: ID!) {
  tenant(id: $id) {
    id
    quotas(first: 50) {
      nodes {
        id
        dimension
        used
        maximum
      }
    }
  }
}
    `) as unknown as TypedDocumentString<TenantQuotasQuery, TenantQuotasQueryVariables>;
export const MachineListDocument = new TypedDocumentString(`
    query MachineList($first: Int!, $after: String, $filter: VirtualMachineFilter, $orderBy: VirtualMachineOrder, $direction: OrderDirection) {
  virtualMachines(
    first: $first
    after: $after
    filter: $filter
    orderBy: $orderBy
    direction: $direction
  ) {
    nodes {
      ...MachineFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<MachineListQuery, MachineListQueryVariables>;
export const MachineDetailDocument = new TypedDocumentString(`
    query MachineDetail($id: ID!) {
  virtualMachine(id: $id) {
    ...MachineFields
  }
}
    fragment MachineFields on VirtualMachine {
  id
  tenant {
    id
    name
    displayName
  }
  name
  image {
    id
    name
  }
  site {
    id
    name
    region
  }
  vcpus
  memoryMib
  diskGib
  state
  stateSince
  stateReason
  nextAction
  providerState
  desiredState
  bootedAt
  lastSeenAt
  portForwards
  createdBy
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<MachineDetailQuery, MachineDetailQueryVariables>;
export const MachineUsageDocument = new TypedDocumentString(`
    query MachineUsage($id: ID!) {
  virtualMachine(id: $id) {
    id
    usage {
      cpuSeconds
      cpuLoad
      memoryMib
    }
  }
}
    `) as unknown as TypedDocumentString<MachineUsageQuery, MachineUsageQueryVariables>;
export const MachineNameTakenDocument = new TypedDocumentString(`
    query MachineNameTaken($name: String!) {
  virtualMachines(first: 1, filter: {name: {eq: $name}}) {
    nodes {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<MachineNameTakenQuery, MachineNameTakenQueryVariables>;
export const ImageListDocument = new TypedDocumentString(`
    query ImageList {
  images(first: 100, orderBy: NAME, filter: {state: {eq: READY}}) {
    nodes {
      id
      name
      description
      format
      sizeMib
      minMemoryMib
      minDiskGib
    }
  }
}
    `) as unknown as TypedDocumentString<ImageListQuery, ImageListQueryVariables>;
export const OperationListDocument = new TypedDocumentString(`
    query OperationList($first: Int!, $after: String, $filter: OperationFilter, $orderBy: OperationOrder, $direction: OrderDirection) {
  operations(
    first: $first
    after: $after
    filter: $filter
    orderBy: $orderBy
    direction: $direction
  ) {
    nodes {
      ...OperationFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment OperationFields on Operation {
  id
  tenant {
    id
    name
  }
  kind
  state
  objectType
  objectId
  objectName
  progress
  step
  attempts
  reason
  nextAction
  requestedBy
  deadlineAt
  createdAt
  startedAt
  finishedAt
  version
}`) as unknown as TypedDocumentString<OperationListQuery, OperationListQueryVariables>;
export const IncidentListDocument = new TypedDocumentString(`
    query IncidentList($first: Int!, $after: String, $filter: IncidentFilter, $orderBy: IncidentOrder, $direction: OrderDirection) {
  incidents(
    first: $first
    after: $after
    filter: $filter
    orderBy: $orderBy
    direction: $direction
  ) {
    nodes {
      ...IncidentFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<IncidentListQuery, IncidentListQueryVariables>;
export const IncidentDetailDocument = new TypedDocumentString(`
    query IncidentDetail($id: ID!) {
  incident(id: $id) {
    ...IncidentFields
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<IncidentDetailQuery, IncidentDetailQueryVariables>;
export const IncidentByReferenceDocument = new TypedDocumentString(`
    query IncidentByReference($reference: String!) {
  incidents(first: 1, filter: {reference: {eq: $reference}}) {
    nodes {
      ...IncidentFields
    }
  }
}
    fragment IncidentFields on Incident {
  id
  reference
  number
  tenant {
    id
    name
    displayName
  }
  title
  severity
  status
  affectedServices
  impact
  rootCause
  resolution
  channel
  virtualMachine {
    id
    name
    state
  }
  origin
  declaredBy
  commander
  startedAt
  declaredAt
  responseDueAt
  respondedAt
  resolutionDueAt
  identifiedAt
  monitoringSince
  monitoringUntil
  resolvedAt
  relapses
  createdAt
  updatedAt
  version
}`) as unknown as TypedDocumentString<IncidentByReferenceQuery, IncidentByReferenceQueryVariables>;
export const IncidentTimelineDocument = new TypedDocumentString(`
    query IncidentTimeline($id: ID!, $first: Int!, $after: String) {
  incident(id: $id) {
    id
    timeline(first: $first, after: $after, orderBy: AT, direction: DESC) {
      nodes {
        ...EntryFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
}
    fragment EntryFields on IncidentEntry {
  id
  incident {
    id
  }
  at
  kind
  body
  actor
}`) as unknown as TypedDocumentString<IncidentTimelineQuery, IncidentTimelineQueryVariables>;
export const IncidentAlertsDocument = new TypedDocumentString(`
    query IncidentAlerts($id: ID!, $first: Int!, $after: String) {
  incident(id: $id) {
    id
    alerts(first: $first, after: $after, orderBy: RECEIVED_AT, direction: DESC) {
      nodes {
        ...AlertFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
}
    fragment AlertFields on Alert {
  id
  fingerprint
  status
  source
  name
  summary
  labels
  startsAt
  endsAt
  receivedAt
  deliveries
  incident {
    id
  }
  virtualMachine {
    id
    name
  }
  version
}`) as unknown as TypedDocumentString<IncidentAlertsQuery, IncidentAlertsQueryVariables>;
export const IncidentReportDocument = new TypedDocumentString(`
    query IncidentReport($id: ID!) {
  incidentReport(id: $id)
}
    `) as unknown as TypedDocumentString<IncidentReportQuery, IncidentReportQueryVariables>;
export const OpenIncidentCountDocument = new TypedDocumentString(`
    query OpenIncidentCount {
  incidents(first: 1, filter: {status: {ne: RESOLVED}}) {
    totalCount
  }
}
    `) as unknown as TypedDocumentString<OpenIncidentCountQuery, OpenIncidentCountQueryVariables>;
export const KeyListDocument = new TypedDocumentString(`
    query KeyList($first: Int!, $after: String, $filter: ApiKeyFilter, $direction: OrderDirection = DESC) {
  apiKeys(
    first: $first
    after: $after
    filter: $filter
    orderBy: CREATED_AT
    direction: $direction
  ) {
    nodes {
      ...KeyFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment KeyFields on ApiKey {
  id
  prefix
  serviceAccount {
    id
    name
    role
  }
  scopes
  allowedAddresses
  createdBy
  createdAt
  expiresAt
  rotatedAt
  lastUsedAt
  version
}`) as unknown as TypedDocumentString<KeyListQuery, KeyListQueryVariables>;
export const ServiceAccountListDocument = new TypedDocumentString(`
    query ServiceAccountList($first: Int!) {
  serviceAccounts(first: $first, orderBy: NAME) {
    nodes {
      id
      name
      role
    }
  }
}
    `) as unknown as TypedDocumentString<ServiceAccountListQuery, ServiceAccountListQueryVariables>;
export const SessionsDocument = new TypedDocumentString(`
    query Sessions {
  sessions {
    id
    createdAt
    lastSeenAt
    address
    userAgent
    amr
    acr
    current
  }
}
    `) as unknown as TypedDocumentString<SessionsQuery, SessionsQueryVariables>;