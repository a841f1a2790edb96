// What tests that are made from the schema share: the types as the server tells them, and documents about any root field.
// A field that is added later is asked, too.

export const named = (type) => (type.ofType ? named(type.ofType) : type.name);
export const needed = (arg) => arg.type.kind === 'NON_NULL' && arg.defaultValue === null;
const typeText = (type) => (type.kind === 'NON_NULL' ? `${typeText(type.ofType)}!` : type.kind === 'LIST' ? `[${typeText(type.ofType)}]` : type.name);

export class SchemaWalk {
  /// As whoever `options` says, who must be signed in.
  static async of(world, options) {
    const answer = await world.graphql(`{ __schema { types { kind name enumValues { name } inputFields { name defaultValue type { ...t } }
      fields { name args { name defaultValue type { ...t } } type { ...t } } } } }
      fragment t on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`, {}, options);
    return new SchemaWalk(answer.__schema.types);
  }

  constructor(types) {
    this.types = new Map(types.map((type) => [type.name, type]));
    this.visited = new Set();  // types that selections were made of
  }

  get(name) { return this.types.get(name); }
  /// The fields of Query, Mutation or Subscription.
  roots(operation) { return this.get(operation).fields; }

  /// Everything that can be selected of a type, with nested objects to a depth.
  selection(name, depth) {
    this.visited.add(name);
    const parts = [];
    for (const field of this.get(name).fields) {
      // Groups ask by what: by everything.
      const given = field.args.filter((arg) => needed(arg) && this.get(named(arg.type)).kind === 'ENUM');
      if (field.args.some((arg) => needed(arg) && !given.includes(arg))) continue;
      const target = this.get(named(field.type));
      if (target.kind !== 'OBJECT') {
        parts.push(field.name);
        continue;
      }
      const cheap = /(Connection|Edge|Aggregate|Group|Keys|PageInfo)$/.test(target.name);
      if (depth <= 0 && !cheap) continue;
      if (/Connection$/.test(target.name) && depth <= 0) continue;
      if (/Edge$/.test(target.name)) {
        this.visited.add(target.name);
        parts.push(`${field.name} { cursor }`);
        continue;
      }
      const inner = this.selection(target.name, cheap ? depth : depth - 1);
      // Small pages: all lists at once would cost more than a query may.
      const passed = given.map((arg) => `${arg.name}: [${this.get(named(arg.type)).enumValues.map((value) => value.name).join(', ')}]`);
      if (field.args.some((arg) => arg.name === 'first')) passed.push('first: 10');
      if (inner) parts.push(`${field.name}${passed.length ? `(${passed.join(', ')})` : ''} ${inner}`);
    }
    return parts.length ? `{ ${parts.join(' ')} }` : '';
  }

  /// A document for one root field that declares and passes the arguments named in `given`, and those that must be there.
  document(kind, field, given, depth) {
    const args = field.args.filter((arg) => arg.name in given || needed(arg));
    const declared = args.length ? `(${args.map((arg) => `$${arg.name}: ${typeText(arg.type)}`).join(', ')})` : '';
    const all = args.map((arg) => `${arg.name}: $${arg.name}`);
    if (!('first' in given) && field.args.some((arg) => arg.name === 'first')) all.push('first: 10');
    const passed = all.length ? `(${all.join(', ')})` : '';
    const target = this.get(named(field.type));
    return `${kind}${declared} { ${field.name}${passed} ${target.kind === 'OBJECT' ? this.selection(target.name, depth) : ''} }`;
  }

  /// A value for an argument: ids are the given one, the rest is well-formed and harmless.
  sample(type, id, name = '') {
    if (type.kind === 'NON_NULL') return this.sample(type.ofType, id, name);
    if (type.kind === 'LIST') return [];
    const target = this.get(type.name);
    if (target.kind === 'INPUT_OBJECT') return Object.fromEntries(target.inputFields.filter((f) => needed(f) || /Id$/.test(f.name)).map((f) => [f.name, this.sample(f.type, id, f.name)]));
    return { ID: id, Int: 1, Float: 1, Boolean: true, Role: 'TENANT_MEMBER', Severity: 'P3', IncidentStatus: 'IDENTIFIED', TenantTier: 'FREE' }[type.name]
      ?? (name === 'email' ? 'someone@example.org' : name === 'image' ? 'micro' : name === 'dimension' ? 'vcpus' : name === 'password' ? kPassword : 'thing');
  }
}

/// Of every account that tests make.
export const kPassword = 'correct horse battery staple';

/// A person with a role in the tenant (none without a role), signed in by password: { userId, email, cookie }.
export async function account(world, name, tenant, role) {
  const email = `${name}@${tenant}.example`;
  const { userId } = (await world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }',
                                          { i: { email, name: `${name} ${tenant}`, password: kPassword } })).createUser;
  if (role) await world.graphql('mutation($u: ID!, $r: Role!) { addUserToTenant(userId: $u, role: $r) { membership { id role } } }', { u: userId, r: role }, { tenant });
  const response = await fetch(`${world.url}/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password: kPassword }) });
  if (!response.ok) throw new Error(`${email} cannot sign in: ${await response.text()}`);
  const cookie = response.headers.get('set-cookie');
  if (!/^phoenix_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict/.test(cookie)) throw new Error(`not as a session cookie must be: ${cookie}`);
  return { userId, email, cookie: cookie.split(';')[0] };
}

/// Two tenants made alike, so that whatever there is of one there is of the other: { tenant, machine, incident, program,
/// key, secret } by their ids. Everything that has a name carries the tenant's.
export async function populate(world, name) {
  const tenant = await world.createTenant(name);
  const options = { tenant: name };
  const machine = await world.createMachine(name, `${name}-vm`);
  const incident = (await world.graphql('mutation($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id } } }',
    { i: { title: `${name} is on fire`, severity: 'P2', impact: `${name} burns`, virtualMachineId: machine.id, correlationKey: 'same' } }, options)).declareIncident.incident.id;
  await world.graphql('mutation($id: ID!, $body: String!) { addIncidentNote(id: $id, body: $body) { incident { id } } }', { id: incident, body: `${name} note` }, options);
  const alert = { status: 'firing', labels: { alertname: `${name}Alert`, vm: machine.id }, annotations: { summary: `${name} alert` }, startsAt: '2026-01-01T00:00:00Z' };
  const sent = await fetch(`${world.url}/webhooks/alertmanager?tenant=${name}`, { method: 'POST', headers: world.headers(), body: JSON.stringify({ version: '4', alerts: [alert] }) });
  if (!sent.ok) throw new Error(`the alert was refused: ${await sent.text()}`);
  const program = (await world.graphql('mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) { serviceAccount { id } } }',
    { i: { name: `${name}-program`, role: 'TENANT_ADMIN' } }, options)).createServiceAccount.serviceAccount.id;
  const { secret, apiKey } = (await world.graphql('mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret apiKey { id } } }', { i: { serviceAccountId: program } }, options)).createApiKey;
  return { tenant, machine, incident, program, secret, key: apiKey.id };
}
