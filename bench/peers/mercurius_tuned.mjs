// mercurius as somebody would tune it by hand for this one list: a single SQL function sets the tenant and joins, so a
// request is one statement, one round trip, and no loader runs.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { listening, pool, tenantOf } from './data.mjs';
import { typeDefs } from './schema.mjs';

const app = Fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: {
    Query: {
      async resources(_, { first, filter }, { tenant }) {
        const { rows } = await pool.query({ name: 'page', text: 'select * from bench.resources($1, $2, $3)', values: [tenant, filter.status.eq, first], rowMode: 'array' });
        return { nodes: rows.map(([id, name, type, status, siteId, siteName, region]) => ({ id, name, type, status, site: { id: siteId, name: siteName, region } })) };
      },
    },
  },
  context: (request) => ({ tenant: tenantOf(request.headers.authorization) }),
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address().port);
