// Apollo Server, standalone, with DataLoader.
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { listening, loaders, tenantOf } from './data.mjs';
import { resolvers, typeDefs } from './schema.mjs';

const { url } = await startStandaloneServer(new ApolloServer({ typeDefs, resolvers, introspection: false }), {
  listen: { host: '127.0.0.1', port: 0 },
  async context({ req }) {
    const tenant = tenantOf(req.headers.authorization);
    return { tenant, load: loaders(tenant) };
  },
});
listening(Number(new URL(url).port));
