/** `provisioner server record`: writes the answers of a BMC to a file, to be attached to a bug report. */
import { writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import type { Command } from 'commander'
import type { Recording } from '../../redfish/recording/format.ts'
import type { Client } from './client.ts'
import { bold, output, warn } from './output.ts'

type RecordOptions = {
  readonly start?: boolean
  readonly end?: boolean
  readonly job?: string
  readonly output?: string
}

const requestTimeoutMs = 180_000

/** Adds `record` to `provisioner server`. */
export function recordCommand(server: Command, client: () => Client, isJson: () => boolean): void {
  server
    .command('record')
    .description('record a BMC into a file without secrets: --start, run the job, then --output FILE')
    .argument('<serial>')
    .option('--start', 'record every exchange with the BMC from now on, for a day at most')
    .option(
      '--output <file>',
      "write the BMC's tree and the recorded exchanges, and end the recording; gzipped if the name ends in .gz",
    )
    .option('--job <id>', 'with --output: this job instead of the latest one')
    .option('--end', 'end the recording and delete it')
    .action(async (serial: string, options: RecordOptions) => {
      const wanted = [options.start, options.end, options.output].filter((one) => one !== undefined)
      if (wanted.length !== 1) throw new Error('give one of --start, --output FILE and --end')
      const path = `/api/v1/servers/${encodeURIComponent(serial)}/recording`
      if (options.start) {
        const answer = await client().request(path, { method: 'PUT', timeoutMs: requestTimeoutMs })
        if (isJson()) return output.json(answer)
        return output.line(`recording ${bold(serial)}: run the job, then: server record ${serial} --output FILE`)
      }
      if (options.output !== undefined) await fetchFile(client(), path, { ...options, output: options.output })
      await client().request(path, { method: 'DELETE' })
      if (options.end && !isJson()) output.line(`the recording of ${bold(serial)} is forgotten`)
    })

  async function fetchFile(api: Client, path: string, { job, output: file }: { job?: string; output: string }) {
    const body = job === undefined ? {} : { job_id: job }
    const recording = await api.request<Recording>(path, { method: 'POST', body, timeoutMs: requestTimeoutMs })
    const text = `${JSON.stringify(recording, null, 1)}\n`
    await writeFile(file, file.endsWith('.gz') ? gzipSync(text) : text, { mode: 0o600 })
    const { header, tree, exchanges } = recording
    if (isJson()) return output.json({ file, header, documents: tree.length, exchanges: exchanges.length })
    output.line(`${bold(file)}: ${tree.length} documents, ${exchanges.length} exchanges`)
    for (const missing of header.missing) output.line(`${warn('missing')}: ${missing}`)
    output.line(`to serve it: simulate --from ${file}`)
  }
}
