/** A recording holds no identity, and everything else in it is as it was. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutSecrets } from '../../../redfish/client/wire/observe-exchange.ts'
import { redactSecrets } from '../../../redfish/client/wire/redaction.ts'
import { makeRecording, type RecordingParts } from '../../../redfish/recording/file.ts'
import type { RecordedExchange } from '../../../redfish/recording/format.ts'
import { createRedaction } from '../../../redfish/recording/redaction.ts'
import { readRecording } from '../../../redfish/simulator/recorded/file.ts'

/** Marked, so that finding one is no accident. */
const mark = fc.stringMatching(/^[A-Z0-9]{8,16}$/).map((text) => `MK${text}`)
const octet = fc.integer({ min: 1, max: 254 })
const ip = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'))
const hexPair = fc.integer({ min: 0, max: 255 }).map((byte) => byte.toString(16).padStart(2, '0'))
const mac = fc.array(hexPair, { minLength: 6, maxLength: 6 }).map((pairs) => pairs.join(':'))

const identities = fc.record({
  serial: mark,
  host: mark.map((text) => `${text}.example.net`),
  user: mark,
  password: mark,
  token: mark,
  /** The token of a media URL: it is no credential of the BMC, so that the observer of the exchange leaves it in. */
  mediaToken: mark,
  assetTag: mark,
  organization: mark,
  contact: mark,
  ip,
  mac,
  uuid: fc.uuid(),
})
type Identities = typeof identities extends fc.Arbitrary<infer Value> ? Value : never

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Puts the values where BMCs put them: into their members, and into texts, links and names besides. */
function partsOf(given: Identities): RecordingParts {
  const secrets = redactSecrets([given.password, `${given.user}:${given.password}`, given.token])
  const image = `http://${given.ip}:8080/media/tasks/0198f1d2-7c1e-7000-8000-4a2b6c8d0e10/1-${given.mediaToken}/task.iso`
  const link = `/redfish/v1/Systems/${given.serial}`
  const body = {
    '@odata.id': link,
    SerialNumber: given.serial,
    UUID: given.uuid,
    AssetTag: given.assetTag,
    HostName: given.host,
    MACAddress: given.mac,
    Password: given.password,
    Oem: { [given.serial]: { Href: `https://${given.host}${link}`, ProvisioningToken: given.token } },
    Message: `${given.user} at ${given.ip} (${given.mac}) set ${given.assetTag} with ${given.password}; cannot read ${image}`,
    Image: image,
    Host: `http://${given.ip}`,
    Echo: [
      `cannot fetch ${encodeURIComponent(image)} for ${encodeURIComponent(`${given.user}:${given.password}`)}`,
      `refused: Basic ${base64(`${given.user}:${given.password}`)} and ${base64(given.token)}`,
      base64(`{"host":"${given.host}","serial":"${given.serial}"}`),
      `-----BEGIN CERTIFICATE-----\n${base64(`O=${given.assetTag},CN=${given.host}`)}\n-----END CERTIFICATE-----`,
      given.mac.replaceAll(':', '').replace(/....(?!$)/g, '$&.'),
    ],
    Subject: { CommonName: given.host, Organization: given.organization },
    Contacts: [{ ContactName: given.contact, EmailAddress: `${given.contact}@${given.host}` }],
    Path: `\\media\\tasks\\x\\1-${given.mediaToken}\\task.iso`,
    FirmwareVersion: '6.10.80.20',
  }
  const exchange: RecordedExchange = {
    offset_ms: 1,
    elapsed_ms: 1,
    operation: 'insertMedia',
    method: 'POST',
    path: `${link}/Actions/Insert`,
    status: 400,
    request: { body: withoutSecrets({ Image: image, UserName: given.user, Password: given.password }, secrets) },
    response: { headers: { location: link }, body: withoutSecrets(body, secrets) },
  }
  return {
    productVersion: '1.0.0',
    recordedAt: '2026-03-01T12:00:00.000Z',
    server: {
      serial: given.serial,
      username: given.user,
      address: `https://${given.host}`,
      vendor: 'dell',
      model: 'R640',
      firmware: '6.10.80.20',
    },
    tree: {
      documents: [{ path: link, status: 200, headers: {}, body: withoutSecrets(body, secrets) }],
      missing: [link],
    },
    exchanges: [exchange],
    missing: [],
    job: null,
  }
}

/** MAC addresses as UEFI and Cisco write them. */
const asOthersWrite = (value: string) =>
  /^(?:..:){5}..$/.test(value) ? [value.replaceAll(':', ''), value.replace(/(..):(..):?/g, '$1$2.').slice(0, 14)] : []

test('none of the marked values is anywhere in the file, whatever they are', () => {
  fc.assert(
    fc.property(identities, (given) => {
      const text = JSON.stringify(makeRecording(partsOf(given))).toLowerCase()
      for (const value of Object.values(given))
        for (const form of [
          value,
          encodeURIComponent(value),
          base64(value).replace(/=+$/, ''),
          ...asOthersWrite(value),
        ])
          expect(text).not.toContain(form.toLowerCase())
    }),
  )
})

test('links lead where they led, and what was written is what is read', () => {
  fc.assert(
    fc.property(identities, (given) => {
      const file = makeRecording(partsOf(given))
      const [document] = file.tree
      const [exchange] = file.exchanges
      const body = document?.body as Record<string, string>
      expect(body['@odata.id']).toBe(document?.path)
      expect(exchange?.response.headers['location']).toBe(document?.path)
      expect(exchange?.path).toBe(`${document?.path}/Actions/Insert`)
      expect(exchange?.request.body).toMatchObject({ Image: body['Image'] })
      expect(body['SerialNumber']).toBe(file.header.serial)
      expect(body['FirmwareVersion']).toBe('6.10.80.20')
      expect(readRecording(Buffer.from(JSON.stringify(file))).header.serial).toBe(file.header.serial)
    }),
  )
})

describe('what identifies nobody stays', () => {
  const same = (value: unknown, known = {}) => expect(createRedaction([value], known).json(value)).toEqual(value)

  test('versions, also those that look like addresses, wherever they stand', () =>
    same({ FirmwareVersion: '6.10.80.20', Oem: { Running: '6.10.80.20' }, BiosVersion: '2.19.1' }))
  test('identifiers and registries of the standard', () =>
    same({ '@odata.type': '#Manager.v1_9_0.Manager', Uri: 'http://redfish.dmtf.org/registries/Base.1.8.json' }))
  test('times, sizes and entity tags', () =>
    same({ DateTime: '2026-03-01T12:00:00+01:00', '@odata.etag': 'W/"1646136000"', Took: '12:30:05' }))
  test('a word that is an account in other letters', () =>
    same({ Name: 'Root Service', Gateway: '0.0.0.0' }, { user: ['root'] }))
  test('empty and meaningless identities', () => same({ SerialNumber: '', AssetTag: 'N/A', HostName: 'Not Specified' }))
  test('members that are named like the account', () =>
    same({ admin: { RoleId: 'Administrator' }, Name: 'System' }, { user: ['admin'] }))
})

test('the name of an action is kept where the address of its schema is replaced', () => {
  const { json } = createRedaction([], {})
  expect(json({ 'http://bmc.example.net/FTSSchema.v1_0_0#FTSComputerSystem.VirtualMedia': {} })).toEqual({
    'http://recorded-url-1.invalid/image#FTSComputerSystem.VirtualMedia': {},
  })
})

test.each(['/', '\\', '%', 'a@', 'a/', 'a.', 'a:', '-----BEGIN A-----', 'http://', '//media//', 'A'])(
  'a body that is nothing but %j costs no more than reading it',
  (piece) => {
    const { text } = createRedaction([], {})
    const before = process.threadCpuUsage()
    text(piece.repeat(2 ** 18 / piece.length))
    // CPU time, of which a busy machine takes no more. Linear, it is milliseconds; quadratic, it is minutes.
    expect(process.threadCpuUsage(before).user).toBeLessThan(5_000_000)
  },
)

test('a MAC address is the same one however it is written', () => {
  const { json } = createRedaction([], {})
  expect(json(['MAC(B42E99BADE15,0x1)', 'Slot 5 - B4:2E:99:BA:DE:15', 'b4-2e-99-ba-de-15', '123456789012'])).toEqual([
    'MAC(02-00-00-00-00-01,0x1)',
    'Slot 5 - 02-00-00-00-00-01',
    '02-00-00-00-00-01',
    '123456789012',
  ])
})

test('a short value is replaced where it is all of a text, and not where it is a part of one', () => {
  const { json } = createRedaction([{ AssetTag: 'R1' }], {})
  expect(json({ AssetTag: 'R1', Model: 'PowerEdge R1', Id: 'R1' })).toEqual({
    AssetTag: 'RECORDED-SERIAL-1',
    Model: 'PowerEdge R1',
    Id: 'RECORDED-SERIAL-1',
  })
})

test('a member that holds a secret by its name loses it, and what only sounds like it stays', () => {
  const document = {
    Password: 'one',
    SNMP: { CommunityStrings: [{ CommunityString: 'two', Name: 'public name' }] },
    PasswordChangeRequired: false,
    PasswordPolicy: { MinimumLength: 8 },
    AuthToken: '',
  }
  expect(withoutSecrets(document, (text) => text)).toEqual({
    Password: '<secret>',
    SNMP: { CommunityStrings: [{ CommunityString: '<secret>', Name: 'public name' }] },
    PasswordChangeRequired: false,
    PasswordPolicy: { MinimumLength: 8 },
    AuthToken: '',
  })
})
