/** How a recording answers: in the order in which things happened, and never with something that was not recorded. */
import { describe, expect, test } from 'vitest'
import type { Exchange, RecordedFile } from '../../../../redfish/simulator/recorded/file.ts'
import { imageInParts } from '../../../../redfish/simulator/recorded/image.ts'
import { createScript } from '../../../../redfish/simulator/recorded/script.ts'

type Json = RecordedFile['tree'][number]['body']

const slot = '/redfish/v1/Managers/1/VirtualMedia/1'
const insert = `${slot}/Actions/VirtualMedia.InsertMedia`
const image = 'http://recorded-url-1.invalid/image.iso'

const read = (path: string, body: Json, status: number | null = 200): Exchange => ({
  offset_ms: 0,
  operation: 'insertMedia',
  method: 'GET',
  path,
  status,
  request: {},
  response: { headers: {}, body },
})
const write = (path: string, body: Json, status: number): Exchange => ({
  ...read(path, {}, status),
  method: 'POST',
  request: { body },
})
const scriptOf = (exchanges: Exchange[], tree: { path: string; body: Json }[] = []) =>
  createScript({ exchanges, tree: tree.map((one) => ({ ...one, status: 200, headers: {} })) }, () => false)

describe('reads', () => {
  const script = () =>
    scriptOf(
      [
        read(slot, { Inserted: false }),
        write(insert, { Image: image }, 204),
        read(slot, { Inserted: false, Late: true }),
        read(slot, { Inserted: true }),
      ],
      [
        { path: slot, body: { Inserted: 'from the tree' } },
        { path: '/redfish/v1/', body: { Name: 'root' } },
      ],
    )

  test('say what was true between the same two writes, the last of it again and again', () => {
    const replay = script()
    const look = () => replay.read(slot)?.body
    expect([look(), look()]).toEqual([{ Inserted: false }, { Inserted: false }])
    replay.write({ method: 'POST', path: insert, body: { Image: 'http://elsewhere/x.iso' } })
    expect([look(), look(), look()]).toEqual([{ Inserted: false, Late: true }, { Inserted: true }, { Inserted: true }])
  })

  test('of a document that no job asked for come from the tree, with or without a slash', () => {
    expect(script().read('/redfish/v1')?.body).toEqual({ Name: 'root' })
  })

  test('of what was never read have no answer', () => {
    expect(script().read('/redfish/v1/Nothing')).toBeNull()
  })

  test('that got no answer then get none, and the next one the next answer', () => {
    const replay = scriptOf([read(slot, {}, null), read(slot, { Inserted: true })])
    expect([replay.read(slot)?.status, replay.read(slot)?.status, replay.read(slot)?.status]).toEqual([null, 200, 200])
  })
})

describe('writes', () => {
  test('are answered in the order of their occurrence, and say what stands for the placeholder', () => {
    const replay = scriptOf([write(insert, { Image: image }, 500), write(insert, { Image: image }, 204)])
    const send = () => replay.write({ method: 'POST', path: insert, body: { Image: 'http://now/task.iso' } })
    expect(send()).toMatchObject({ recorded: { status: 500 }, bindings: new Map([[image, 'http://now/task.iso']]) })
    expect(send()).toMatchObject({ recorded: { status: 204 } })
    expect(send()).toEqual({ unknown: expect.stringContaining('more often') })
  })

  test('with another body are another request', () => {
    const replay = scriptOf([
      write(insert, { Image: image }, 400),
      write(insert, { Image: image, Inserted: true }, 204),
    ])
    expect(replay.write({ method: 'POST', path: insert, body: { Inserted: true, Image: 'x' } })).toMatchObject({
      recorded: { status: 204 },
    })
    expect(replay.write({ method: 'POST', path: insert, body: { Image: 'x', Inserted: false } })).toEqual({
      unknown: expect.stringContaining(insert),
    })
    expect(replay.outstanding()).toEqual([`POST ${insert}`])
  })

  test('a reset of another type is not the one that was recorded', () => {
    const reset = '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset'
    const replay = scriptOf([write(reset, { ResetType: 'On' }, 204)])
    expect(replay.write({ method: 'POST', path: reset, body: { ResetType: 'ForceOff' } })).toHaveProperty('unknown')
  })
})

describe('an image that is written in parts', () => {
  const shown = 'http://recorded-url-3.invalid/image.iso'
  const config = '/redfish/v1/Managers/1/VM1/CfgCD'
  test.each([
    [
      'an origin and a path',
      { Host: 'http://recorded-url-1.invalid/image', Path: image },
      { Host: 'https://now:8443', Path: '\\media\\task.iso' },
    ],
    [
      'a host, a folder and a file',
      {
        CD: {
          Server: '198.18.0.1:8443',
          ShareName: 'http://recorded-url-1.invalid/image',
          ImageName: 'a.iso',
          ShareType: 'HTTPS',
        },
      },
      { CD: { Server: '127.0.0.1:9', ShareName: '/media/tasks/1', ImageName: 'a.iso', ShareType: 'HTTPS' } },
    ],
  ])('as %s is bound to the URL that the BMC first showed after it', (_what, recorded, sent) => {
    const replay = scriptOf([
      read(slot, { Image: 'http://recorded-url-2.invalid/image.iso' }),
      write(config, recorded, 200),
      read(slot, { Image: 'http://recorded-url-2.invalid/image.iso', Next: { Image: shown } }),
    ])
    expect(replay.write({ method: 'POST', path: config, body: sent })).toMatchObject({ shown })
  })

  test.each([
    [{ Host: 'https://now:8443/', Path: '\\media\\x\\task.iso' }, 'https://now:8443/media/x/task.iso'],
    [
      { CD: { Server: 'now:8443', ShareName: '/media/x', ImageName: 'task.iso', ShareType: 'HTTPS' } },
      'https://now:8443/media/x/task.iso',
    ],
    [{ CD: { Server: '', ShareName: '', ImageName: '', ShareType: '' } }, null],
    [{ ResetType: 'On' }, null],
  ])('of %j is %s', (body, url) => {
    expect(imageInParts(body)).toBe(url)
  })
})
