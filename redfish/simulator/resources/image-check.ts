/** Before it accepts an image, a BMC asks the web server with a HEAD request (quirks.md 7). */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import type { Reply } from '../bmc/reply.ts'
import { OutboundError } from '../host/outbound.ts'

const deadlineMs = 10_000

/** The refusal of an image that cannot be used, in the vendor's words if it has some, or null. */
export async function checkImage(bmc: Bmc, image: string): Promise<Reply | null> {
  if (!bmc.checksImages) return null
  const status = await statusOf(bmc, image)
  if (status === 200) return null
  const { unusable } = bmc.behaviour
  if (unusable !== undefined) return unusable(image, status)
  const related = ['/Image']
  if (status === null || status >= 500)
    return refuse(400, { key: 'CouldNotEstablishConnection', args: [image], related })
  return status === 401 || status === 403
    ? refuse(400, { key: 'ResourceAtUriUnauthorized', args: [image, `${status}`], related })
    : refuse(400, { key: 'ResourceMissingAtURI', args: [image], related })
}

/** Null when the web server was not reached. */
async function statusOf({ world }: Bmc, url: string): Promise<number | null> {
  try {
    const { background, outbound } = world
    const { status } = await outbound.send({
      method: 'HEAD',
      url,
      signal: background.closing,
      deadlineMs,
      bodyBytesMax: 0,
    })
    return status
  } catch (error) {
    if (error instanceof OutboundError) return null
    throw error
  }
}
