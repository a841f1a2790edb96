// GraphQL Yoga on Node's own HTTP server, with DataLoader.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { listening, loaders, tenantOf } from './data.mjs';
import { resolvers, typeDefs } from './schema.mjs';

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  logging: false,
  graphiql: false,
  landingPage: false,
  context({ request }) {
    const tenant = tenantOf(request.headers.get('authorization'));
    return { tenant, load: loaders(tenant) };
  },
});
const server = createServer(yoga);
server.listen(0, '127.0.0.1', () => listening(server.address().port));
