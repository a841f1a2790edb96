// PostGraphile, its Amber preset on Node's own HTTP server. It makes its schema from the database's; what a view cannot
// say (its key, its relations) is said by smart tags.
import { createServer } from 'node:http';

// It is made for Node 22, which has this; Node 20 has not.
Promise.withResolvers ??= function withResolvers() {
  let resolve;
  let reject;
  const promise = new this((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
};

const { listening, pool, tenantOf } = await import('./data.mjs');
const { postgraphile } = await import('postgraphile');
const { makePgService } = await import('postgraphile/adaptors/pg');
const { grafserv } = await import('postgraphile/grafserv/node');
const { PostGraphileAmberPreset } = await import('postgraphile/presets/amber');
const { makeJSONPgSmartTagsPlugin } = await import('postgraphile/utils');

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [
    makeJSONPgSmartTagsPlugin({
      version: 1,
      config: {
        class: {
          'phoenix.resources': { tags: { primaryKey: 'id', foreignKey: '(site_id) references phoenix.sites (id)|@fieldName site|@foreignFieldName resources' },
                                 attribute: { status: { tags: { behavior: '+filterBy' } } } },
          'phoenix.operations': { tags: { foreignKey: '(object_id) references phoenix.resources (id)|@fieldName resource|@foreignFieldName operations' } },
        },
      },
    }),
  ],
  pgServices: [makePgService({ pool, schemas: ['phoenix'], pubsub: false })],
  grafserv: { graphiql: false, watch: false },
  grafast: {
    explain: false,
    context: ({ node }) => ({ pgSettings: { 'phoenix.tenant_id': tenantOf(node.req.headers.authorization) } }),
  },
};
const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(0, '127.0.0.1', () => listening(server.address().port));
