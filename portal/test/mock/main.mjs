// npm run mock: serves the built portal over the pretend platform until interrupted.
import { startMock } from "./server.mjs";

const mock = await startMock({ port: Number(process.env.PORT ?? 4010), seeded: process.argv[2] !== "empty" });
console.log(`${mock.url}\nsign in as ${mock.world.admin.email} with "correct horse battery", or once by\n${mock.link()}`);
