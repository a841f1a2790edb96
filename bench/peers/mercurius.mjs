// mercurius on Fastify, with JIT and its own loaders.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { listening, operationsOfResources, resourcesOfSites, sitesById, tenantOf } from './data.mjs';
import { roots, typeDefs } from './schema.mjs';

const keys = (queries) => queries.map(({ obj, params }) => ({ id: obj.id, first: params.first }));
/// To-one: each target is read once.
async function sitesOf(queries) {
  const ids = [...new Set(queries.map(({ obj }) => obj.site_id))];
  const found = new Map((await sitesById(ids)).map((row, i) => [ids[i], row]));
  return queries.map(({ obj }) => found.get(obj.site_id));
}
const app = Fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: { Query: roots },
  loaders: {
    Site: { resources: (queries, { tenant }) => resourcesOfSites(tenant, keys(queries)) },
    Resource: { site: sitesOf, operations: (queries, { tenant }) => operationsOfResources(tenant, keys(queries)) },
  },
  context: (request) => ({ tenant: tenantOf(request.headers.authorization) }),
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address().port);
