/** The API as the command line uses it. Errors say what the controller answered and what to do about it. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'

export type ClientOptions = {
  readonly url: string
  /** `user:password` for basic, or a bearer token. */
  readonly basic?: string | undefined
  readonly token?: string | undefined
}

/** The controller refused a request, or the request did not reach it. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly status: number | null

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

type Problem = {
  readonly message?: string
  readonly title?: string
  readonly details?: readonly { readonly path: string; readonly message: string }[]
}

export type RequestOptions = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** A string is sent as it is, any other value as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export type Client = ReturnType<typeof createClient>

const requestTimeoutMs = 30_000

export function createClient({ url, basic, token }: ClientOptions) {
  const base = url.replace(/\/+$/, '')
  const authorization: Record<string, string> = {}
  if (token !== undefined) authorization['authorization'] = `Bearer ${token}`
  else if (basic !== undefined) authorization['authorization'] = `Basic ${Buffer.from(basic).toString('base64')}`

  const send = async (
    path: string,
    { method = 'GET', body, headers = {} }: RequestOptions,
    signal: AbortSignal,
  ): Promise<Response> => {
    const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    let response: Response
    try {
      response = await fetch(`${base}${path}`, {
        method,
        ...content,
        headers: { ...authorization, ...type, ...headers },
        signal,
      })
    } catch (error) {
      throw new ClientError(
        `no answer from ${base}: is the controller running there? (--url says where to look)`,
        null,
        { cause: error },
      )
    }
    if (response.ok) return response
    throw new ClientError(describe(await problemOf(response), `${method} ${path}`, response.status), response.status)
  }

  return {
    base,

    /** Sends one request; resolves with the parsed JSON, undefined for an empty answer. @throws ClientError. */
    request: async <Answer>(path: string, options: RequestOptions = {}): Promise<Answer> => {
      const response = await send(path, options, AbortSignal.timeout(options.timeoutMs ?? requestTimeoutMs))
      const text = await response.text()
      return (text === '' ? undefined : JSON.parse(text)) as Answer
    },

    /** Follows server-sent events until the signal aborts or the controller ends the stream; yields their parsed data. */
    stream: async function* <Item>(path: string, signal: AbortSignal): AsyncGenerator<Item, void, undefined> {
      const response = await send(path, { headers: { accept: 'text/event-stream' } }, signal)
      const messages: EventSourceMessage[] = []
      const parser = createParser({ onEvent: (message) => void messages.push(message) })
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        parser.feed(decoder.decode(chunk, { stream: true }))
        for (const message of messages.splice(0)) yield JSON.parse(message.data) as Item
      }
    },
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text()
  try {
    return JSON.parse(text) as Problem
  } catch {
    return { message: text.slice(0, 300) }
  }
}

function describe({ message, title, details = [] }: Problem, request: string, status: number): string {
  const lines = details.map((detail) => `  ${detail.path || '(whole)'}: ${detail.message}`)
  return [`${request}: ${status} ${message ?? title ?? ''}`.trim(), ...lines].join('\n')
}
