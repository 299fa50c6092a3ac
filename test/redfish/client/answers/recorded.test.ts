// Reading what real BMCs said: recorded error bodies. What they mean is in errors.test.ts, recorded trees in
// probe.test.ts.
import { describe, expect, test } from 'vitest'
import { messageKey, readErrorBody } from '../../../../redfish/client/answers/error-body.ts'
import { type Body, parseBody } from '../../../../redfish/client/wire/json.ts'
import { fixturesMissing, recordedErrors } from '../../rig/fixtures.ts'

if (fixturesMissing !== null) {
  test(`not run: ${fixturesMissing}`, () => {
    expect(fixturesMissing).not.toBeNull()
  })
} else {
  describe('recorded error bodies', describeErrors)
}

function describeErrors(): void {
  const asBody = (recorded: { body?: unknown; bodyText?: string }): Body =>
    parseBody(new TextEncoder().encode(recorded.bodyText ?? JSON.stringify(recorded.body)), { jsonDepthMax: 64 })

  test.each(recordedErrors())('$name says something', (recorded) => {
    const summary = readErrorBody(asBody(recorded), (text) => text)
    const silent = recorded.name === 'supermicro/200-success-capital.json'
    expect(summary.messageId === null && summary.message === null).toBe(silent)
  })

  test.each([
    ['idrac/500-insertmedia-SYS446.json', 'SYS446'],
    ['idrac/503-session-limit-RAC0218.json', 'RAC0218'],
    ['ilo/415-ext-info-is-object.json', 'GeneralError'],
    ['ilo/ilo4-401-no-valid-session.json', 'NoValidSession'],
    ['ami-megarac/400-transferprotocoltype-missing-base15.json', 'ActionParameterMissing'],
    ['supermicro/403-license-dcms.json', 'OemLicenseNotPassed'],
  ])('%s is %s', (name, key) => {
    const recorded = recordedErrors().find((candidate) => candidate.name === name)
    if (recorded === undefined) throw new Error(`${name} is not there`)
    expect(messageKey(readErrorBody(asBody(recorded), (text) => text).messageId ?? '')).toBe(key)
  })
}
