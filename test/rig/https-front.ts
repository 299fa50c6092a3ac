/** An https address in front of a controller, as a site has that serves media over https; for BMCs that take nothing else. */
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { selfSignedCertificate } from '../../redfish/simulator/socket/certificate.ts'

export type HttpsFront = {
  readonly url: string
  /** PEM of the certificate that it shows. */
  readonly certificate: string
  /** Passes requests on to this origin from now on; until then they are answered with 503. */
  readonly forwardTo: (origin: string) => void
  readonly stop: () => Promise<void>
}

export async function startHttpsFront(): Promise<HttpsFront> {
  const host = '127.0.0.1'
  const { keyPem, certificatePem } = selfSignedCertificate({ commonName: 'media', host, now: new Date() })
  let origin: string | null = null
  const server = createServer({ key: keyPem, cert: certificatePem }, (incoming, outgoing) => {
    if (origin === null) {
      outgoing.writeHead(503).end()
      return
    }
    const { method, headers } = incoming
    const passedOn = request(new URL(incoming.url ?? '/', origin), {
      ...(method === undefined ? {} : { method }),
      headers,
    })
    passedOn.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      // Whoever breaks off early gets no more, on both sides.
      pipeline(answer, outgoing).catch(() => outgoing.destroy())
    })
    passedOn.on('error', () => outgoing.destroy())
    pipeline(incoming, passedOn).catch(() => outgoing.destroy())
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    url: `https://${host}:${(server.address() as AddressInfo).port}`,
    certificate: certificatePem,
    forwardTo: (to) => {
      origin = to
    },
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
