/** The session service and its collection (DSP0266, "Redfish session login authentication"). */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import type { BmcRequest, JsonObject, Reply } from '../bmc/reply.ts'
import type { Session } from '../bmc/sessions.ts'
import { type Branch, branch, checkKnown, collection, link, objectBody, ok, rootPath } from './resource.ts'

const servicePath = `${rootPath}/SessionService`
const sessionsPath = `${servicePath}/Sessions`

export function sessionService(bmc: Bmc): Branch {
  const { documents, sessions, messages } = bmc.profile
  if (!sessions.offered) return () => null
  const fixed = branch({
    [servicePath]: {
      methods: {
        GET: () => {
          const base = serviceDocument(bmc)
          return ok(documents?.sessionService?.(base, bmc) ?? base)
        },
      },
    },
    [sessionsPath]: {
      open: ['POST'],
      methods: {
        GET: () => {
          const members = bmc.sessions.list().map(({ id }) => `${sessionsPath}/${id}`)
          const base = collection(sessionsPath, 'SessionCollection', 'Session Collection', members)
          return ok(documents?.collection?.(base, bmc) ?? base)
        },
        POST: (request) => logIn(bmc, request),
      },
    },
  })
  return (path) => {
    const session = bmc.sessions.list().find(({ id }) => path === `${sessionsPath}/${id}`)
    if (session === undefined) return fixed(path)
    return {
      methods: {
        GET: () => ok(sessionDocument(bmc, session)),
        DELETE: () => {
          bmc.sessions.end(session.id)
          return messages.done
        },
      },
    }
  }
}

function serviceDocument({ profile }: Bmc): JsonObject {
  return {
    '@odata.id': servicePath,
    '@odata.type': '#SessionService.v1_1_8.SessionService',
    Id: 'SessionService',
    Name: 'Session Service',
    Status: { State: 'Enabled', Health: 'OK' },
    ServiceEnabled: true,
    ...(profile.sessions.timeoutShown === null ? {} : { SessionTimeout: profile.sessions.timeoutShown }),
    Sessions: link(sessionsPath),
  }
}

function sessionDocument(bmc: Bmc, { id, userName, createdAt }: Session): JsonObject {
  const base = {
    '@odata.id': `${sessionsPath}/${id}`,
    '@odata.type': '#Session.v1_6_0.Session',
    Id: id,
    Name: 'User Session',
    UserName: userName,
    // Whole seconds, as BMCs show time.
    CreatedTime: createdAt.toISOString().replace(/\.\d+Z$/, 'Z'),
  }
  return bmc.profile.documents?.session?.(base, bmc) ?? base
}

function logIn(bmc: Bmc, request: BmcRequest): Reply {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const refusal = checkKnown(read.body, ['UserName', 'Password'])
  if (refusal !== null) return refusal
  for (const name of ['UserName', 'Password'])
    if (typeof read.body[name] !== 'string')
      return refuse(400, { key: 'CreateFailedMissingReqProperties', args: [name], related: [`/${name}`] })

  const userName = read.body['UserName']
  if (userName !== bmc.username || read.body['Password'] !== bmc.password)
    return refuse(401, {
      key: 'ResourceAtUriUnauthorized',
      args: [sessionsPath, 'Invalid username or password'],
    })
  const session = bmc.sessions.create(userName)
  // 503 as iDRAC does (quirks.md 11, RAC0218), with the message that the Base registry has for it.
  if (session === null) return refuse(503, { key: 'SessionLimitExceeded' })
  return {
    status: 201,
    headers: { 'x-auth-token': session.token, location: `${sessionsPath}/${session.id}` },
    body: sessionDocument(bmc, session),
  }
}
