// An OpenID provider whose keys can be rotated: node oidc-provider.mjs NODE_MODULES PORT. A token for the resource urn:shop:rs is a JWT
// that is signed with RS256, for urn:shop:es with ES256, for urn:shop:short a short one, and for none it is opaque.
import http from 'node:http'

const [modules, port] = process.argv.slice(2)
const {Provider} = await import(`${modules}/oidc-provider/lib/index.js`)
const jose = await import(`${modules}/jose/dist/webapi/index.js`)
const issuer = `http://127.0.0.1:${port}`

const makeKeys = () => Promise.all(['RS256', 'ES256'].map(async alg => {
  const {privateKey} = await jose.generateKeyPair(alg, {extractable: true})
  return {...await jose.exportJWK(privateKey), alg, use: 'sig', kid: `${alg}-${crypto.randomUUID()}`}
}))

const resources = {'urn:shop:rs': ['RS256', 600], 'urn:shop:es': ['ES256', 600], 'urn:shop:short': ['RS256', 3], 'urn:bank': ['RS256', 600]}
let keys = []
let serve

// rotate signs with new keys from now on; those before are published as long as they are kept.
async function rotate(keep) {
  keys = [...await makeKeys(), ...(keep ? keys : [])]
  const provider = new Provider(issuer, {
    jwks: {keys},
    clients: [
      {client_id: 'alice', client_secret: 'canary-alice', grant_types: ['client_credentials'], redirect_uris: [], response_types: []},
      {client_id: 'sheaf', client_secret: 'canary-sheaf', grant_types: ['client_credentials'], redirect_uris: [], response_types: []},
    ],
    features: {
      clientCredentials: {enabled: true},
      introspection: {enabled: true, allowedPolicy: () => true},
      revocation: {enabled: true},
      devInteractions: {enabled: false},
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          const [alg, ttl] = resources[resource]
          return {scope: 'read write', audience: resource === 'urn:bank' ? 'bank' : 'shop', accessTokenFormat: 'jwt', accessTokenTTL: ttl, jwt: {sign: {alg}}}
        },
      },
    },
    scopes: ['read', 'write'],
    // What a service reads about itself as a subject.
    extraTokenClaims: () => ({role: 'batch'}),
  })
  serve = provider.callback()
}

await rotate(false)
http.createServer(async (request, response) => {
  if (request.url.startsWith('/rotate')) {
    await rotate(request.url.endsWith('keep'))
    response.end('{}')
    return
  }
  serve(request, response)
}).listen(Number(port), '127.0.0.1')
