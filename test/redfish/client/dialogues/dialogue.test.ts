// Conversations with BMCs that insist on something: entity tags, other bodies, tasks, PATCH, one writer at a time.
import { expect, test } from 'vitest'
import type { RequestObservation } from '../../../../redfish/client/options.ts'
import { failureOf } from '../../bmc-contract.ts'
import { DOCUMENTS, PATHS, type RawRequest, SESSION_TOKEN, treeHandler } from '../../rig/raw-server.ts'
import { PASSWORD, withServer } from '../../rig/with-server.ts'

const IMAGE = 'http://media.example/t0ken-t0ken/a.iso'

/** A slot that remembers what was done to it. */
function slotMemory() {
  let image: string | null = null
  return {
    insert: (body: unknown) => {
      image =
        typeof body === 'object' && body !== null && 'Image' in body && typeof body.Image === 'string'
          ? body.Image
          : null
    },
    document: (change: Record<string, unknown> = {}) => ({
      ...DOCUMENTS[PATHS.slot],
      Image: image,
      Inserted: image !== null,
      ...change,
    }),
  }
}

const bodyOf = (request: RawRequest): Record<string, unknown> => Object.fromEntries(Object.entries(request.body ?? {}))

const missing = (property: string) => ({
  error: {
    '@Message.ExtendedInfo': [{ MessageId: 'Base.1.12.ActionParameterMissing', RelatedProperties: [`#/${property}`] }],
  },
})

test('a BMC that demands more and more parameters gets them, and what worked is sent at once the next time', async () => {
  const slot = slotMemory()
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: slot.document() }
    if (request.path === PATHS.eject) {
      slot.insert(null)
      return { status: 204 }
    }
    if (request.path !== PATHS.insert) return undefined
    const absent = ['TransferProtocolType', 'UserName'].find((property) => !(property in bodyOf(request)))
    if (absent !== undefined) return { status: 400, body: missing(absent) }
    slot.insert(request.body)
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    const inserts = () => server.requests.filter(({ path }) => path === PATHS.insert)
    expect(await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })).toMatchObject({ attempts: 3 })
    expect(inserts()).toHaveLength(3)
    expect(inserts().at(-1)?.body).toMatchObject({ TransferProtocolType: 'HTTP', UserName: 'none', Password: 'none' })
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(inserts()).toHaveLength(4)
  })
})

test('a slot without actions is written by PATCH with its entity tag', async () => {
  const slot = slotMemory()
  const handler = treeHandler((request) => {
    if (request.path !== PATHS.slot) return undefined
    if (request.method === 'GET') return { body: slot.document({ Actions: {}, '@odata.etag': '"7"' }) }
    if (request.headers['if-match'] !== '"7"') return { status: 428, body: {} }
    slot.insert(request.body)
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    await bmc.ejectMedia({ slot: PATHS.slot }, { signal })
    const bodies = server.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body)
    expect(bodies).toEqual([
      { Image: IMAGE, Inserted: true, WriteProtected: true },
      { Image: null, Inserted: false },
    ])
  })
})

test('a slot that already shows the same image is ejected and inserted again', async () => {
  const slot = slotMemory()
  slot.insert({ Image: IMAGE })
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: slot.document() }
    if (request.path !== PATHS.eject && request.path !== PATHS.insert) return undefined
    slot.insert(request.body)
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    const actions = server.requests.filter(({ path }) => path.includes('Actions')).map(({ path }) => path)
    expect(actions).toEqual([PATHS.eject, PATHS.insert])
  })
})

test('an insert that the BMC accepted and did not do is not confirmed', async () => {
  const handler = treeHandler((request) => (request.path === PATHS.insert ? { status: 204 } : undefined))
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const call = bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
      expect(await failureOf(call)).toMatchObject({ kind: 'not-confirmed', action: 'insert', retry: false })
    },
    { limits: { confirmTimeoutMs: 50 } },
  )
})

test('an insert that becomes a task is followed to its end', async () => {
  const slot = slotMemory()
  const monitor = '/redfish/v1/TaskService/Tasks/1'
  let polls = 0
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: slot.document() }
    if (request.path === PATHS.insert) return { status: 202, headers: { Location: monitor } }
    if (request.path !== monitor) return undefined
    polls++
    if (polls === 1) return { status: 404, body: {} }
    if (polls < 4) return { status: 202, body: { TaskState: 'Running' } }
    slot.insert({ Image: IMAGE })
    return { body: { TaskState: 'Completed' } }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(polls).toBe(4)
  })
})

test('a task that fails is a refusal with its message, and one on another host is not followed', async () => {
  let location = '/redfish/v1/TaskService/Tasks/1'
  const handler = treeHandler((request) => {
    if (request.path === PATHS.insert) return { status: 202, headers: { Location: location } }
    if (!request.path.includes('Tasks')) return undefined
    return { body: { TaskState: 'Exception', Messages: [{ MessageId: 'Ami.1.0.MediaFailed', Message: 'no route' }] } }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    const insert = () => failureOf(bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal }))
    expect(await insert()).toMatchObject({ kind: 'refused', messageId: 'Ami.1.0.MediaFailed' })
    location = 'http://evil.example/tasks/1'
    expect(await insert()).toMatchObject({ kind: 'malformed' })
  })
})

const refusedWith = (status: number, id: string) => ({
  status,
  body: { error: { '@Message.ExtendedInfo': [{ MessageId: id }] } },
})

test('ejecting what is gone already succeeds, although the BMC answers with an error', async () => {
  let inserted = true
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: { ...DOCUMENTS[PATHS.slot], Inserted: inserted } }
    if (request.path !== PATHS.eject) return undefined
    inserted = false
    return refusedWith(500, 'IDRAC.2.2.VRM0009')
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    expect(await bmc.ejectMedia({ slot: PATHS.slot }, { signal })).toMatchObject({ alreadyEmpty: false })
    expect(server.requests.filter(({ path }) => path === PATHS.eject)).toHaveLength(1)
  })
})

test('a slot that is in use although it reads as empty is ejected, and the insert tried once more', async () => {
  const slot = slotMemory()
  let stuck = true
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: slot.document() }
    if (request.path === PATHS.eject) {
      stuck = false
      return { status: 204 }
    }
    if (request.path !== PATHS.insert) return undefined
    if (stuck) return refusedWith(400, 'IDRAC.2.8.VRM0021')
    slot.insert(request.body)
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    const result = await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(result).toMatchObject({ attempts: 2, confirmed: { inserted: true } })
  })
})

test('an iDRAC that refuses an image and attaches it all the same is watched', async () => {
  const slot = slotMemory()
  let looks = 0
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Oem: { Dell: {} } } }
    if (request.path === PATHS.slot) {
      looks++
      if (looks === 4) slot.insert({ Image: IMAGE })
      return { body: slot.document() }
    }
    return request.path === PATHS.insert ? refusedWith(400, 'IDRAC.2.8.RAC0720') : undefined
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(server.requests.filter(({ path }) => path === PATHS.insert)).toHaveLength(1)
  })
})

test('an image that could not be fetched is asked for once: whoever mounts it asks again, in its own time', async () => {
  const handler = treeHandler(({ path }) =>
    path === PATHS.insert ? refusedWith(400, 'Base.1.16.CouldNotEstablishConnection') : undefined,
  )
  await withServer(handler, async ({ bmc, server, signal }) => {
    const failure = await failureOf(bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal }))
    expect(failure).toMatchObject({ kind: 'refused', problem: 'image-unreachable' })
    expect(server.requests.filter(({ path }) => path === PATHS.insert)).toHaveLength(1)
  })
})

test('a password that Basic gets refused with is sent once', async () => {
  const handler = treeHandler((request) => {
    if (request.method === 'POST' && request.path === PATHS.sessions) return { status: 405, body: {} }
    return request.headers.authorization === undefined ? undefined : { status: 401, body: {} }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    for (let again = 0; again < 3; again++) {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'unauthorized', retry: false })
    }
    expect(server.requests.filter(({ headers }) => headers.authorization !== undefined)).toHaveLength(1)
  })
})

test('a 401 that a fresh session does not cure is final, after one replay that is sent twice for BMCs with moods', async () => {
  const handler = treeHandler((request) => (request.path === PATHS.systems ? { status: 401, body: {} } : undefined))
  await withServer(handler, async ({ bmc, server, signal }) => {
    for (let again = 0; again < 2; again++) {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'unauthorized' })
    }
    expect(server.requests.filter(({ path }) => path === PATHS.systems)).toHaveLength(3)
    expect(server.requests.filter(({ method, path }) => method === 'POST' && path === PATHS.sessions)).toHaveLength(2)
    // None of the two is left behind.
    expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2)
  })
})

test('after a full session table a session is tried again when its time has come', async () => {
  let nowMs = 1_000_000
  const handler = treeHandler((request) =>
    request.method === 'POST' && request.path === PATHS.sessions && nowMs < 2_000_000
      ? refusedWith(503, 'IDRAC.2.1.RAC0218')
      : undefined,
  )
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      expect(server.requests.at(-1)?.headers.authorization).toMatch(/^Basic /)
      nowMs = 2_000_000
      await bmc.power({ signal })
      expect(server.requests.at(-1)?.headers['x-auth-token']).toBe(SESSION_TOKEN)
    },
    { surroundings: { now: () => nowMs } },
  )
})

test('a changed entity tag is read again and the write repeated', async () => {
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  let version = 1
  const handler = treeHandler((request) => {
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'GET')
      return { body: { ...DOCUMENTS[PATHS.system], Boot: boot }, headers: { ETag: `W/"${version}"` } }
    if (version === 1) {
      version = 2
      return { status: 412, body: {} }
    }
    if (request.headers['if-match'] !== 'W/"2"') return { status: 412, body: {} }
    boot = bodyOf(request)['Boot']
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    expect(await bmc.setBootOnceFromCd({ signal })).toMatchObject({ changed: true, attempts: 2 })
  })
})

test('a mode that is refused is left out', async () => {
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  const message = {
    MessageId: 'Base.1.0.0.PropertyValueNotInList',
    Message: 'The value UEFI for the property BootSourceOverrideMode is not in the list of acceptable values.',
    RelatedProperties: ['Boot'],
  }
  const handler = treeHandler((request) => {
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'GET') return { body: { ...DOCUMENTS[PATHS.system], Boot: boot } }
    if (JSON.stringify(request.body).includes('UEFI'))
      return { status: 400, body: { error: { '@Message.ExtendedInfo': [message] } } }
    boot = bodyOf(request)['Boot']
    return { status: 200, body: {} }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.setBootOnceFromCd({ signal })
    const last = server.requests.filter(({ method }) => method === 'PATCH').at(-1)
    expect(last?.body).toEqual({ Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' } })
  })
})

test('a graceful restart that nothing follows gives way to a forced one, with the reason', async () => {
  const type = 'ResetType@Redfish.AllowableValues'
  let resetTime = '2026-01-01T00:00:00Z'
  const handler = treeHandler((request) => {
    if (request.path === PATHS.system && request.method === 'GET') {
      const action = { target: PATHS.reset, [type]: ['GracefulRestart', 'ForceRestart'] }
      const body = {
        ...DOCUMENTS[PATHS.system],
        LastResetTime: resetTime,
        Actions: { '#ComputerSystem.Reset': action },
      }
      return { body }
    }
    if (request.path !== PATHS.reset) return undefined
    if (bodyOf(request)['ResetType'] === 'ForceRestart') resetTime = '2026-01-01T00:05:00Z'
    return { status: 204 }
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const reasons: string[] = []
      const result = await bmc.restart({ signal, onIntent: async ({ reason }) => void reasons.push(reason) })
      expect(result).toMatchObject({ sent: ['GracefulRestart', 'ForceRestart'], evidence: 'last-reset-time' })
      expect(reasons.at(-1)).toBe('nothing followed GracefulRestart within 40 ms')
    },
    { limits: { gracefulTimeoutMs: 40 } },
  )
})

test('a BMC that shows nothing of its host is believed, and only then', async () => {
  const handler = treeHandler((request) => (request.path === PATHS.reset ? { status: 204 } : undefined))
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const result = await bmc.restart({ signal, onIntent: async () => {} })
      expect(result).toMatchObject({ sent: ['ForceRestart'], evidence: 'accepted' })
    },
    { limits: { resetLookMs: 30 } },
  )
})

test('the default headers are sent, and Authorization neither with a login nor beside a token', async () => {
  await withServer(
    treeHandler(() => undefined),
    async ({ bmc, server, signal }) => {
      await bmc.ping({ signal })
      await bmc.power({ signal })
      for (const { headers } of server.requests) {
        expect(headers).toMatchObject({
          'odata-version': '4.0',
          accept: 'application/json',
          'accept-encoding': 'identity',
        })
        expect(headers.authorization).toBeUndefined()
      }
      expect(server.requests[0]?.headers['x-auth-token']).toBeUndefined()
      expect(server.requests.at(-1)?.headers['x-auth-token']).toBe(SESSION_TOKEN)
    },
  )
})

test('a BMC that shows its root to nobody without credentials answers a ping with them', async () => {
  const handler = treeHandler((request) =>
    request.path === PATHS.root && request.headers['x-auth-token'] === undefined ? { status: 401 } : undefined,
  )
  await withServer(handler, async ({ bmc, signal }) => {
    await expect(bmc.ping({ signal })).resolves.toBeUndefined()
  })
})

test('no two writes are in flight at once, and each request is reported', async () => {
  let flying = 0
  let most = 0
  const seen: RequestObservation[] = []
  const handler = treeHandler((request, response) => {
    if (request.path !== PATHS.eject) return undefined
    flying++
    most = Math.max(most, flying)
    setTimeout(() => {
      flying--
      response.writeHead(204).end()
    }, 20)
    return null
  })
  const held = treeHandler((request, response) => {
    if (request.path === PATHS.slot) return { body: { ...DOCUMENTS[PATHS.slot], Inserted: flying > 0 || most === 0 } }
    return handler(request, response)
  })
  await withServer(
    held,
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      await Promise.all([1, 2, 3].map(() => bmc.ejectMedia({ slot: PATHS.slot }, { signal })))
      expect(most).toBe(1)
      expect(seen).toHaveLength(server.requests.length)
      expect(seen).toContainEqual(
        expect.objectContaining({
          operation: 'ejectMedia',
          method: 'POST',
          path: PATHS.eject,
          status: 204,
          attempt: 1,
        }),
      )
      expect(JSON.stringify(seen)).not.toContain(PASSWORD)
    },
    { onRequest: (observation) => seen.push(observation) },
  )
})
