import { ApiError, execute, fieldErrors, newIdempotencyKey, onUnauthenticated, platformScope } from "./api";
import { MeDocument } from "../gql/graphql";

const answer = (status: number, body: unknown) =>
  vi.stubGlobal("fetch", vi.fn(async () => new Response(JSON.stringify(body), { status, headers: { "X-Request-Id": "r-7" } })));

afterEach(() => vi.unstubAllGlobals());

describe("the API's door", () => {
  it("sends the scope, the content type and the mark against foreign forms", async () => {
    answer(200, { data: { me: {} } });
    await execute(MeDocument, {}, { kind: "tenant", name: "acme" });
    const { headers } = vi.mocked(fetch).mock.calls[0]![1] as { headers: Record<string, string> };
    expect(headers).toMatchObject({ "X-Phoenix-Tenant": "acme", "X-Phoenix-Csrf": "1", "Content-Type": "application/json" });
  });

  it("sends no tenant in the platform's scope", async () => {
    answer(200, { data: { me: {} } });
    await execute(MeDocument, {}, platformScope);
    expect(vi.mocked(fetch).mock.calls[0]![1]!.headers).not.toHaveProperty("X-Phoenix-Tenant");
  });

  it("puts each error at its field", async () => {
    answer(200, { errors: [{ message: "Taken.", extensions: { code: "CONFLICT", field: "input.name" } }, { message: "Too small.", extensions: { code: "VALIDATION_ERROR", field: "input.memoryMib" } }] });
    const error = await execute(MeDocument, {}, platformScope).catch((reason: unknown) => reason as ApiError);
    expect(fieldErrors(error as ApiError)).toEqual({ name: "Taken.", memoryMib: "Too small." });
    expect((error as ApiError).details.requestId).toBe("r-7");
  });

  it("tells when the session is gone", async () => {
    const heard = vi.fn();
    const stop = onUnauthenticated(heard);
    answer(401, { errors: [{ message: "Sign in.", extensions: { code: "UNAUTHENTICATED" } }] });
    await expect(execute(MeDocument, {}, platformScope)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect(heard).toHaveBeenCalledOnce();
    stop();
  });

  it("names an unreachable server as such", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("failed"))));
    await expect(execute(MeDocument, {}, platformScope)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("makes keys that differ", () => {
    expect(newIdempotencyKey()).toMatch(/^[0-9a-f]{32}$/);
    expect(newIdempotencyKey()).not.toBe(newIdempotencyKey());
  });
});
