import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MediaSigning, mediaSigning, mediaUrl, URL_CHARS_MAX } from '../../../../actors/media/access/signing.ts'

const current = 'a-secret-of-the-current-rotation'
const previous = 'a-secret-of-the-rotation-before.'
const signing = mediaSigning({ current })
const jobId = '0199e1d2-7c4e-7a10-8f00-0123456789ab'
const otherJob = '0199e1d2-7c4e-7a10-8f00-0123456789ac'
const sha256 = createHash('sha256').update('one').digest('hex')
const otherSha256 = createHash('sha256').update('two').digest('hex')

function taskTokenOf(path: string): string {
  return /^\/media\/tasks\/[0-9a-f-]{36}\/(?<token>[^/]+)\/task\.iso$/.exec(path)?.groups?.['token'] ?? 'no token'
}

function imageTokenOf(path: string): string {
  return /^\/media\/images\/(?<token>[^/]+)\/[^/]+$/.exec(path)?.groups?.['token'] ?? 'no token'
}

function queryOf(path: string) {
  const { searchParams } = new URL(path, 'http://192.0.2.1')
  return { expires: searchParams.get('expires') ?? '', sig: searchParams.get('sig') ?? '' }
}

/** The token with another character at a place. */
function flipped(token: string, index: number): string {
  const other = token[index] === 'A' ? 'B' : 'A'
  return `${token.slice(0, index)}${other}${token.slice(index + 1)}`
}

describe('a task URL', () => {
  const token = taskTokenOf(signing.taskPath({ jobId, sha256, attempt: 12 }))

  test('verifies for its job and digest, and tells the attempt', () => {
    expect(signing.verifyTask({ token, jobId, sha256 })).toBe(12)
  })

  test('does not verify for another job, other bytes, or another secret', () => {
    expect(signing.verifyTask({ token, jobId: otherJob, sha256 })).toBeNull()
    expect(signing.verifyTask({ token, jobId, sha256: otherSha256 })).toBeNull()
    expect(mediaSigning({ current: previous }).verifyTask({ token, jobId, sha256 })).toBeNull()
  })

  test('does not verify with any one character changed, left out or added', () => {
    for (let index = 0; index < token.length; index++) {
      expect(signing.verifyTask({ token: flipped(token, index), jobId, sha256 })).toBeNull()
      expect(signing.verifyTask({ token: token.slice(0, index) + token.slice(index + 1), jobId, sha256 })).toBeNull()
    }
    for (const wrong of ['', `${token}A`, ` ${token}`, `0${token}`, `${token}\n`]) {
      expect(signing.verifyTask({ token: wrong, jobId, sha256 })).toBeNull()
    }
  })

  test('is another one on every attempt', () => {
    const paths = [1, 2, 3, 9999].map((attempt) => signing.taskPath({ jobId, sha256, attempt }))
    expect(new Set(paths).size).toBe(4)
  })

  test('is the same one when the same attempt is signed again', () => {
    const mount = { jobId, sha256, attempt: 3 }
    expect(mediaSigning({ current }).taskPath(mount)).toBe(signing.taskPath(mount))
  })

  test.each([0, -1, 1.5, 10_000, Number.NaN])('is not made for attempt %d', (attempt) => {
    expect(() => signing.taskPath({ jobId, sha256, attempt })).toThrow(RangeError)
  })
})

describe('an image URL', () => {
  const name = 'maintenance.iso'
  const token = imageTokenOf(signing.imagePath({ jobId, name, attempt: 2 }))

  test('verifies for its name, and tells job and attempt', () => {
    expect(signing.verifyImage({ token, name })).toEqual({ jobId, attempt: 2 })
  })

  test('does not verify for another name, nor with any one character changed', () => {
    expect(signing.verifyImage({ token, name: 'other.iso' })).toBeNull()
    for (let index = 0; index < token.length; index++) {
      for (const character of 'Awxyz_-') {
        const changed = `${token.slice(0, index)}${character}${token.slice(index + 1)}`
        if (changed !== token) expect(signing.verifyImage({ token: changed, name })).toBeNull()
      }
    }
  })

  test('is another one for every job and attempt', () => {
    const mounts = [jobId, otherJob].flatMap((id) => [1, 2].map((attempt) => ({ jobId: id, attempt, name })))
    expect(new Set(mounts.map(signing.imagePath)).size).toBe(4)
  })

  test.each(['a.b.iso', 'image', 'image.ISO', 'a b.iso', '.iso', 'image.iso.gz'])(
    'is not made for a name that a BMC may refuse: %s',
    (wrong) => {
      expect(() => signing.imagePath({ jobId, name: wrong, attempt: 1 })).toThrow(RangeError)
    },
  )
})

describe('a query URL', () => {
  const expiresAt = new Date('2026-01-02T03:04:05.900Z')
  const query = queryOf(signing.taskQueryPath({ jobId, sha256, expiresAt }))
  const at = (time: string, change: Partial<Parameters<MediaSigning['verifyQuery']>[0]> = {}) =>
    signing.verifyQuery({ ...query, jobId, sha256, now: new Date(time), ...change })

  test('is valid until its time, and expired from the second after', () => {
    expect(at('2020-01-01T00:00:00Z')).toBe('valid')
    expect(at('2026-01-02T03:04:05.999Z')).toBe('valid')
    expect(at('2026-01-02T03:04:06Z')).toBe('expired')
  })

  test('is wrong with a later time, for another job, other bytes, or no signature', () => {
    const now = '2026-01-01T00:00:00Z'
    expect(at(now, { expires: String(Number(query.expires) + 1) })).toBe('wrong')
    expect(at(now, { jobId: otherJob })).toBe('wrong')
    expect(at(now, { sha256: otherSha256 })).toBe('wrong')
    expect(at(now, { sig: '' })).toBe('wrong')
    for (const expires of ['', 'never', '1e99', '-1', `0${query.expires}`]) expect(at(now, { expires })).toBe('wrong')
  })
})

test('a token for one purpose does not pass for another', () => {
  const task = taskTokenOf(signing.taskPath({ jobId, sha256, attempt: 1 }))
  const mac = task.slice(task.indexOf('-') + 1)
  const now = new Date(0)
  expect(signing.verifyQuery({ jobId, sha256, expires: '1', sig: mac, now })).toBe('wrong')
  const image = imageTokenOf(signing.imagePath({ jobId, name: 'task.iso', attempt: 1 }))
  expect(signing.verifyTask({ token: `1-${image.slice(-22)}`, jobId, sha256 })).toBeNull()
})

describe('rotation', () => {
  const rotated = mediaSigning({ current, previous })
  const before = mediaSigning({ current: previous })
  const mount = { jobId, sha256, attempt: 1 }

  test('keeps URLs of the previous secret valid and signs with the current one', () => {
    expect(rotated.verifyTask({ jobId, sha256, token: taskTokenOf(before.taskPath(mount)) })).toBe(1)
    expect(rotated.verifyTask({ jobId, sha256, token: taskTokenOf(signing.taskPath(mount)) })).toBe(1)
    expect(rotated.taskPath(mount)).toBe(signing.taskPath(mount))
  })

  test('ends when the previous secret is dropped', () => {
    expect(signing.verifyTask({ jobId, sha256, token: taskTokenOf(before.taskPath(mount)) })).toBeNull()
  })

  test('takes no short secret', () => {
    expect(() => mediaSigning({ current: 'short' })).toThrow('at least 32 characters')
    expect(() => mediaSigning({ current, previous: '' })).toThrow('at least 32 characters')
  })
})

describe('the URL that a BMC is given', () => {
  test('is made of what every BMC takes, and is short', () => {
    const publicUrls = [
      'http://192.168.100.200:8080',
      'https://provisioner.example.internal/',
      'http://[2001:db8::1]:8080',
    ]
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.integer({ min: 1, max: 9999 }),
        fc.constantFrom(...publicUrls),
        (id, attempt, publicUrl) => {
          const paths = [
            signing.taskPath({ jobId: id, sha256, attempt }),
            signing.imagePath({ jobId: id, attempt, name: 'maintenance.iso' }),
          ]
          for (const path of paths) {
            const url = mediaUrl({ publicUrl, path })
            expect(url.length).toBeLessThanOrEqual(URL_CHARS_MAX)
            expect(new URL(url).pathname).toMatch(/^(?:\/[A-Za-z0-9_-]+)+\/[A-Za-z0-9_-]+\.iso$/)
            expect(url).not.toMatch(/[?&=@]/)
          }
        },
      ),
    )
  })

  test('is refused when it is too long, holds a password or a query, and the refusal does not tell the token', () => {
    const path = signing.taskPath({ jobId, sha256, attempt: 1 })
    const token = taskTokenOf(path)
    for (const publicUrl of [`http://${'long.'.repeat(20)}example.com`, 'http://me:word@192.0.2.1']) {
      const refusal = refusalOf(() => mediaUrl({ publicUrl, path }))
      expect(refusal).toBeInstanceOf(RangeError)
      expect(String(refusal)).not.toContain(token)
    }
    const query = signing.taskQueryPath({ jobId, sha256, expiresAt: new Date() })
    expect(() => mediaUrl({ publicUrl: 'http://192.0.2.1', path: query })).toThrow('no query')
  })
})

function refusalOf(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return error
  }
}
