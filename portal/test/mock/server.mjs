// The pretend server: the HTTP contract of the real one (GraphQL over HTTP and WebSocket, sign-in, console, portal
// files with the strict headers) over the pretend platform. Tests reach its insides through the returned object.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { GraphQLError, graphql, parse, validate } from "graphql";
import { makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import { securityHeaders } from "../browser-kit.mjs";
import { createSchema } from "./schema.mjs";
import { createWorld, Refusal } from "./world.mjs";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2" };

export async function startMock({ port = 0, stepMs, seeded } = {}) {
  const world = createWorld({ stepMs, seeded });
  const schema = createSchema(world);
  const sessions = new Map();
  const consoles = new Map();
  const sockets = new Set();
  const control = { refuseSockets: false, failing: null, requests: 0 };

  const userOf = (request) => {
    const token = /phoenix_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    return sessions.get(token) ?? null;
  };
  const tenantOf = (name) => [...world.tables.Tenant.values()].find((one) => one.name === name || one.id === name);
  const contextOf = (user, tenantName) => {
    if (!tenantName) return { user, tenant: null };
    const tenant = tenantOf(tenantName);
    const member = tenant && [...world.tables.Membership.values()].some((one) => one.userId === user.id && one.tenantId === tenant.id);
    if (!tenant || (!member && !user.platformAdmin)) throw new Refusal("You are not a member of this tenant.", "FORBIDDEN");
    return { user, tenant };
  };

  const wireError = (error) => {
    const cause = error.originalError ?? error;
    return {
      message: cause instanceof Refusal || error instanceof GraphQLError ? error.message : "Something went wrong.",
      path: error.path,
      extensions: cause.extensions?.code ? cause.extensions : { code: "SERVER_ERROR", requestId: randomUUID() },
    };
  };

  async function body(request) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString() || "{}");
  }

  function send(response, status, value, headers = {}) {
    response.writeHead(status, { ...securityHeaders, "Content-Type": "application/json", "X-Request-Id": randomUUID(), ...headers });
    response.end(JSON.stringify(value));
  }

  const publicUser = (user) => ({ id: user.id, email: user.email, name: user.name, platformAdmin: user.platformAdmin, hasPassword: Boolean(user.password), hasSecondFactor: Boolean(user.code) });
  const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
  const newCodes = () => Array.from({ length: 10 }, (_, index) => `K7PM-Q2XW-9F4${index}-TR8H`);
  /// One's own second factor: an app whose code is always 123456.
  const secondFactor = async (request, response, user, act) => {
    if (!user) return send(response, 401, {});
    if (request.method === "GET") return send(response, 200, { enabled: Boolean(user.code), since: user.code ? ago(60 * 24) : null, recoveryCodes: user.recovery ?? 0 });
    const given = await body(request);
    const refuse = (field, message) => send(response, 400, { error: { code: "VALIDATION_ERROR", reason: "auth.wrong", field, message } });
    if (act === "" && !user.code) {
      if (user.password && given.password !== user.password) return refuse("password", "The password is not right.");
    } else if (given.code !== "123456") return refuse("code", "The code is not right, or was used before.");
    if (act === "") return send(response, 200, { secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", uri: `otpauth://totp/Sankofa%20Phoenix:${encodeURIComponent(user.email)}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Sankofa%20Phoenix&algorithm=SHA1&digits=6&period=30`, expiresAt: ago(-10) });
    user.code = act === "/remove" ? undefined : "123456";
    user.recovery = act === "/remove" ? 0 : 10;
    return send(response, 200, act === "/remove" ? {} : { recoveryCodes: newCodes() });
  };
  const welcome = (response, user) => {
    const token = randomUUID();
    sessions.set(token, user);
    const place = (id, minutes, userAgent, address, amr, current = false) => ({ id, createdAt: ago(minutes + 60), lastSeenAt: ago(minutes), expiresAt: ago(-600), authTime: ago(minutes + 60), userAgent, address, amr, acr: amr.includes("mfa") ? "aal2" : "aal1", current });
    user.sessions = [
      place("s-1", 0, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "192.0.2.7", ["pwd"], true),
      place("s-2", 35, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "2001:db8::17", ["pwd", "otp", "mfa"]),
      place("s-3", 26 * 60, "curl/8.5.0", "198.51.100.3", ["link"]),
    ];
    send(response, 200, { user: publicUser(user) }, { "Set-Cookie": `phoenix_session=${token}; HttpOnly; SameSite=Strict; Path=/` });
  };

  function file(response, path) {
    const target = normalize(join(dist, path));
    if (!target.startsWith(dist) || !existsSync(target)) return false;
    const immutable = path.startsWith("/assets/");
    response.writeHead(200, {
      ...securityHeaders,
      "Content-Type": types[extname(target)] ?? "application/octet-stream",
      "Cache-Control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
    });
    response.end(readFileSync(target));
    return true;
  }

  async function handle(request, response) {
    const { pathname } = new URL(request.url, "http://mock");
    const user = userOf(request);
    if (request.method === "POST" && request.headers["x-phoenix-csrf"] !== "1")
      return send(response, 403, { errors: [{ message: "The header X-Phoenix-Csrf is missing.", extensions: { code: "FORBIDDEN" } }] });
    if (pathname === "/auth/session") return user ? send(response, 200, { user: publicUser(user) }) : send(response, 401, {});
    if (pathname === "/auth/methods") return send(response, 200, { password: true, outside: control.outside ?? null });
    if (pathname === "/auth/login") {
      const { email, password } = await body(request);
      const found = [...world.tables.User.values()].find((one) => one.email === email && one.password === password);
      if (found?.code) return send(response, 401, { challenge: found.id, error: { code: "MFA_REQUIRED", reason: "auth.second_factor", message: "This account asks for a second factor." } });
      return found ? welcome(response, found) : send(response, 401, {});
    }
    if (pathname === "/auth/mfa" || pathname === "/auth/step-up") {
      const { challenge, code } = await body(request);
      const asked = user ?? world.tables.User.get(challenge);
      if (asked?.code !== code) return send(response, user ? 400 : 401, { error: { code: user ? "VALIDATION_ERROR" : "UNAUTHENTICATED", reason: "auth.code_wrong", field: "code", message: "The code is not right, or was used before." } });
      control.stale = false;
      return user ? send(response, 200, { acr: "aal2" }) : welcome(response, asked);
    }
    if (pathname.startsWith("/auth/second-factor")) return secondFactor(request, response, user, pathname.slice("/auth/second-factor".length));
    if (pathname === "/auth/one-time") {
      const { token } = await body(request);
      const found = world.oneTime.get(token);
      world.oneTime.delete(token);
      return found ? welcome(response, found) : send(response, 401, { errors: [{ message: "The link was used already or is too old.", extensions: { code: "UNAUTHENTICATED", nextAction: "Print a new one with phoenix." } }] });
    }
    if (pathname === "/auth/logout") {
      for (const [token, known] of sessions) if (known === user) sessions.delete(token);
      return send(response, 200, {}, { "Set-Cookie": "phoenix_session=; Max-Age=0; Path=/" });
    }
    if (pathname === "/graphql" && request.method === "POST") {
      control.requests++;
      const { query, variables, operationName } = await body(request);
      if (!user) return send(response, 401, { errors: [{ message: "Sign in first.", extensions: { code: "UNAUTHENTICATED" } }] });
      if (control.failing && query.includes(control.failing))
        return send(response, 200, { errors: [wireError(new Refusal("The store did not answer in time.", "SERVER_ERROR", { nextAction: "Try again in a minute." }))] });
      if (user.code && control.stale && query.includes("deleteVirtualMachine"))
        return send(response, 200, { errors: [{ message: "This needs a fresh code of your authenticator app.", extensions: { code: "MFA_REQUIRED", reason: "auth.step_up", acr_values: "aal2", max_age: 300 } }] });
      try {
        const context = contextOf(user, request.headers["x-phoenix-tenant"]);
        const answer = await graphql({ schema, source: query, variableValues: variables, operationName, contextValue: context });
        return send(response, 200, { ...answer, errors: answer.errors?.map(wireError) });
      } catch (error) {
        return send(response, 200, { errors: [wireError(error)] });
      }
    }
    if (request.method !== "GET") return send(response, 404, {});
    if (file(response, pathname)) return undefined;
    if (extname(pathname) || !file(response, "/index.html")) return send(response, 404, {});
    return undefined;
  }

  const server = createServer((request, response) => {
    void handle(request, response).catch(() => send(response, 500, {}));
  });

  const live = makeServer({
    schema,
    onConnect: (connection) => {
      const { socket, request } = connection.extra;
      const user = userOf(request);
      if (!user) {
        socket.close(4401, "Unauthorized");
        return false;
      }
      try {
        connection.extra.context = contextOf(user, connection.connectionParams?.tenant);
      } catch {
        return false;
      }
      return true;
    },
    context: (connection) => connection.extra.context,
    onSubscribe: (connection, _id, { query, variables, operationName }) => {
      const document = parse(query);
      const errors = validate(schema, document);
      return errors.length ? errors : { schema, document, variableValues: variables, operationName, contextValue: connection.extra.context };
    },
  });

  const liveSockets = new WebSocketServer({ noServer: true, handleProtocols: () => "graphql-transport-ws" });
  liveSockets.on("connection", (socket, request) => {
    sockets.add(socket);
    const closed = live.opened(
      {
        protocol: socket.protocol,
        send: (data) => new Promise((resolve, reject) => socket.send(data, (error) => (error ? reject(error) : resolve()))),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (act) => socket.on("message", (data) => void act(data.toString()).catch(() => socket.close(4500))),
      },
      { socket, request },
    );
    socket.once("close", (code, reason) => {
      sockets.delete(socket);
      void closed(code, reason.toString());
    });
  });

  const consoleSockets = new WebSocketServer({ noServer: true, handleProtocols: () => "phoenix-console" });
  consoleSockets.on("connection", (socket, request) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const id = new URL(request.url, "http://mock").pathname.split("/").at(-1);
    const machine = world.tables.VirtualMachine.get(id);
    if (!machine) return socket.close(4404, "There is no such machine.");
    const known = consoles.get(id) ?? {
      text: `[    0.000000] Linux version 6.1.0 (micro)\r\n[    0.412311] Run /init as init process\r\n\r\n\x1b[1;32m${machine.name}\x1b[0m on ttyS0, address 10.0.2.15\r\n${machine.name} login: root\r\n\x1b[36mroot@${machine.name}\x1b[0m:~# `,
      line: "",
    };
    consoles.set(id, known);
    socket.send(Buffer.from(known.text));
    socket.send(JSON.stringify({ type: "state", state: machine.state }));
    socket.on("message", (data, binary) => {
      if (!binary) return;
      for (const char of data.toString()) {
        let out = char;
        if (char === "\r") {
          const answer = known.line === "uname -a" ? `Linux ${machine.name} 6.1.0 x86_64 GNU/Linux\r\n` : known.line ? `sh: ${known.line.split(" ")[0]}: not found\r\n` : "";
          out = `\r\n${answer}\x1b[36mroot@${machine.name}\x1b[0m:~# `;
          known.line = "";
        } else if (char === "\x7f") {
          out = known.line ? "\b \b" : "";
          known.line = known.line.slice(0, -1);
        } else known.line += char;
        known.text += out;
        socket.send(Buffer.from(out));
      }
    });
    return undefined;
  });

  server.on("upgrade", (request, socket, head) => {
    const { pathname } = new URL(request.url, "http://mock");
    if (control.refuseSockets) return socket.destroy();
    if (pathname === "/graphql") return liveSockets.handleUpgrade(request, socket, head, (opened) => liveSockets.emit("connection", opened, request));
    if (pathname.startsWith("/console/") && userOf(request)) return consoleSockets.handleUpgrade(request, socket, head, (opened) => consoleSockets.emit("connection", opened, request));
    return socket.destroy();
  });

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    world,
    control,
    /** A one-time sign-in link of the administrator. */
    link: () => {
      const token = randomUUID();
      world.oneTime.set(token, world.admin);
      return `http://127.0.0.1:${server.address().port}/sign-in#token=${token}`;
    },
    dropSockets: () => {
      for (const socket of sockets) socket.terminate();
    },
    forgetSessions: () => sessions.clear(),
    close: async () => {
      world.close();
      for (const socket of sockets) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
