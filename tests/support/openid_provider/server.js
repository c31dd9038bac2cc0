// An independent OpenID provider with its own log-in and consent pages: any name logs in.
// node server.js PORT CLIENTS, where CLIENTS is a JSON array of client metadata; prints its issuer.

import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const clients = JSON.parse(process.argv[3]);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients,
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'preferred_username'],
  },
  cookies: { keys: ['only for tests'] },
  features: { devInteractions: { enabled: true } },
  async findAccount(ctx, id) {
    return {
      accountId: id,
      async claims() {
        return {
          sub: id,
          email: `${id}@example.com`,
          email_verified: !id.startsWith('unsure-'),
          name: `The one called ${id}`,
          preferred_username: id,
        };
      },
    };
  },
});

const server = provider.listen(port, '127.0.0.1', () => console.log(issuer));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
