// mercurius on Fastify, with JIT and its own loaders.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { alertsOfIncidents, listening, machinesById, operationsOfMachines, sitesById, tenantOf } from './data.mjs';
import { roots, typeDefs } from './schema.mjs';

const keys = (queries) => queries.map(({ obj, params }) => ({ id: obj.id, first: params.first }));
/// To-one relations: each target is read once.
async function targets(queries, key, load) {
  const ids = [...new Set(queries.map(({ obj }) => obj[key]).filter(Boolean))];
  const found = new Map((await load(ids)).map((row, i) => [ids[i], row]));
  return queries.map(({ obj }) => found.get(obj[key]) ?? null);
}
const app = Fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: { Query: roots },
  loaders: {
    Resource: { site: (queries) => targets(queries, 'site_id', sitesById) },
    Incident: { alerts: (queries, { tenant }) => alertsOfIncidents(tenant, keys(queries)) },
    Alert: { virtualMachine: (queries, { tenant }) => targets(queries, 'virtual_machine_id', (ids) => machinesById(tenant, ids)) },
    VirtualMachine: { operations: (queries, { tenant }) => operationsOfMachines(tenant, keys(queries)) },
  },
  context: (request) => ({ tenant: tenantOf(request.headers.authorization) }),
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address().port);
