// The one door to the server over HTTP: GraphQL with a scope, and the sign-in endpoints. Every failure is an ApiError
// that says what happened, what to do next, and by which request id the server's log knows it.
import type { TypedDocumentString } from "../gql/graphql";
import { learnServerTime } from "./time";

export type Scope = { kind: "platform" } | { kind: "tenant"; name: string } | { kind: "user" };

export const userScope: Scope = { kind: "user" };
export const platformScope: Scope = { kind: "platform" };

export const scopeKey = (scope: Scope) => (scope.kind === "tenant" ? `t/${scope.name}` : scope.kind);

export interface ErrorDetails {
  code: string;
  reason?: string;
  field?: string;
  nextAction?: string;
  requestId?: string;
  retryAfterMs?: number;
}

export class ApiError extends Error {
  readonly details: ErrorDetails;
  /** All errors of the answer, this one first. */
  readonly all: ApiError[];

  constructor(message: string, details: ErrorDetails, others: ApiError[] = []) {
    super(message);
    this.name = "ApiError";
    this.details = details;
    this.all = [this, ...others];
  }

  get code() {
    return this.details.code;
  }
}

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError
    ? error
    : new ApiError(error instanceof Error ? error.message : String(error), { code: "SERVER_ERROR" });

/** The message for one input: "input.name" answers for the field "name" of any mutation's input. */
export function fieldErrors(error: ApiError | null): Record<string, string> {
  const found: Record<string, string> = {};
  for (const one of error?.all ?? []) {
    const field = one.details.field?.replace(/^input\./, "");
    if (field) found[field] ??= one.message;
  }
  return found;
}

type Listener = () => void;
const unauthenticatedListeners = new Set<Listener>();

/** Called when the server no longer knows the session. */
export function onUnauthenticated(listener: Listener) {
  unauthenticatedListeners.add(listener);
  return () => unauthenticatedListeners.delete(listener);
}

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new ApiError("The server did not answer. Check the connection to it.", {
      code: "UNREACHABLE",
      nextAction: "Try again in a moment.",
    });
  }
  learnServerTime(response.headers.get("Date"));
  return response;
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-Phoenix-Csrf": "1", ...headers },
    body: JSON.stringify(body),
  });

interface WireError {
  message: string;
  extensions?: Partial<ErrorDetails>;
}

function fromWire(errors: WireError[], status: number, requestId: string | undefined): ApiError {
  const [first, ...others] = errors.map(
    (one) =>
      new ApiError(one.message, {
        requestId,
        ...one.extensions,
        code: one.extensions?.code ?? (status === 401 ? "UNAUTHENTICATED" : "SERVER_ERROR"),
      }),
  );
  return new ApiError(first!.message, first!.details, others);
}

/** Gives a fresh code for this session. */
export async function stepUp(code: string): Promise<void> {
  const response = await post("/auth/step-up", { code });
  if (!response.ok) await sessionAnswer(response);
}

type Asker = () => Promise<boolean>;
let askForCode: Asker | null = null;

/** Who asks for a code when an act wants one; true when it was given. */
export function onStepUp(asker: Asker) {
  askForCode = asker;
  return () => {
    if (askForCode === asker) askForCode = null;
  };
}

/** Runs an operation; what wants a fresh second factor is repeated once one was given. */
export async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  scope: Scope,
): Promise<Result> {
  try {
    return await executeOnce(document, variables, scope);
  } catch (error) {
    if (!(error instanceof ApiError) || error.details.reason !== "auth.step_up" || !askForCode || !(await askForCode())) throw error;
    return executeOnce(document, variables, scope);
  }
}

async function executeOnce<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  scope: Scope,
): Promise<Result> {
  const headers: Record<string, string> = scope.kind === "tenant" ? { "X-Phoenix-Tenant": scope.name } : {};
  const response = await post("/graphql", { query: document.toString(), variables }, headers);
  const requestId = response.headers.get("X-Request-Id") ?? undefined;
  let answer: { data?: Result; errors?: WireError[] };
  try {
    answer = await response.json();
  } catch {
    answer = {};
  }
  if (answer.errors?.length) {
    const error = fromWire(answer.errors, response.status, requestId);
    if (error.code === "UNAUTHENTICATED") for (const listener of unauthenticatedListeners) listener();
    throw error;
  }
  if (!response.ok || !answer.data) {
    if (response.status === 401) for (const listener of unauthenticatedListeners) listener();
    throw new ApiError(`The server answered with status ${response.status}.`, {
      code: response.status === 401 ? "UNAUTHENTICATED" : response.status === 429 ? "RATE_LIMITED" : "SERVER_ERROR",
      requestId,
    });
  }
  return answer.data;
}

export interface SessionUser {
  id: string;
  email: string;
  name: string;
  platformAdmin: boolean;
  hasPassword: boolean;
  hasSecondFactor: boolean;
}

/** A sign-in that goes on with a code, in this browser and within minutes. */
export interface Challenge {
  challenge: string;
}

async function sessionAnswer(response: Response): Promise<SessionUser> {
  const body = await response.json().catch(() => ({}));
  if (response.ok && body.user) return body.user;
  if (body.errors?.length) throw fromWire(body.errors, response.status, undefined);
  const message = body.error?.message ?? body.message;
  throw new ApiError(message ?? `The server answered with status ${response.status}.`, {
    code: response.status === 401 ? "UNAUTHENTICATED" : response.status === 429 ? "RATE_LIMITED" : "SERVER_ERROR",
    ...body.error,
    requestId: response.headers.get("X-Request-Id") ?? undefined,
  });
}

async function signInAnswer(response: Response): Promise<SessionUser | Challenge> {
  if (response.status === 401) {
    const body = await response.clone().json().catch(() => ({}));
    if (typeof body.challenge === "string") return { challenge: body.challenge };
  }
  return sessionAnswer(response);
}

export const login = async (email: string, password: string) => signInAnswer(await post("/auth/login", { email, password }));
export const loginOnce = async (token: string) => signInAnswer(await post("/auth/one-time", { token }));
export const answerChallenge = async ({ challenge }: Challenge, code: string) => sessionAnswer(await post("/auth/mfa", { challenge, code }));

/** What the routes of one's own second factor answer; failures are as those of signing in. */
async function account<Answer>(path: string, body?: Record<string, string>): Promise<Answer> {
  const response = body ? await post(path, body) : await request(path, { headers: { Accept: "application/json" } });
  if (!response.ok) await sessionAnswer(response);
  return response.json();
}

export interface SecondFactor {
  enabled: boolean;
  since: string | null;
  /** How many are left. */
  recoveryCodes: number;
}
export interface Enrolment {
  secret: string;
  uri: string;
}
/** By the password, or by a code where there is an app already. */
export type Proof = { password: string } | { code: string };

export const secondFactor = () => account<SecondFactor>("/auth/second-factor");
export const beginSecondFactor = (proof: Proof | Record<string, never>) => account<Enrolment>("/auth/second-factor", proof);
export const confirmSecondFactor = async (code: string) =>
  (await account<{ recoveryCodes: string[] }>("/auth/second-factor/confirm", { code })).recoveryCodes;
export const renewRecoveryCodes = async (code: string) =>
  (await account<{ recoveryCodes: string[] }>("/auth/second-factor/recovery-codes", { code })).recoveryCodes;
export const removeSecondFactor = (code: string) => account<object>("/auth/second-factor/remove", { code });

export interface SignInMethods {
  password: boolean;
  /** An identity provider elsewhere: what it is called, and where signing in there begins. */
  outside: { name: string; start: string } | null;
}
export async function signInMethods(): Promise<SignInMethods> {
  const response = await request("/auth/methods", { headers: { Accept: "application/json" } });
  return response.ok ? response.json() : sessionAnswer(response).then(() => ({ password: true, outside: null }));
}

/** Where to go on when the session was an identity provider's, which has to end its own. */
export async function logout(): Promise<string | null> {
  const body = await (await post("/auth/logout", {})).json().catch(() => ({}));
  return typeof body.next === "string" ? body.next : null;
}

/** The signed-in user, or null. */
export async function readSession(): Promise<SessionUser | null> {
  const response = await request("/auth/session", { headers: { Accept: "application/json" } });
  return response.status === 401 ? null : sessionAnswer(response);
}

/** A key that makes a repeated mutation the same mutation. Works on plain http too, where randomUUID is missing. */
export function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
