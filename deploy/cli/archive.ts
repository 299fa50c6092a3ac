/** `provisioner archive`: writes the histories of closed jobs to a file; with --remove it also takes them out of the log. */
import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import {
  countSelected,
  type Removed,
  removeArchived,
  type SelectedJobs,
  type Selection,
  verifyArchive,
  writeArchive,
} from '../../eventstore/archive/archive.ts'
import { readLines } from '../../eventstore/archive/file.ts'
import { type ArchivedStream, readArchive } from '../../eventstore/archive/format.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { jobStream, parseStream } from '../../machines/kinds.ts'
import { exists } from '../local/files.ts'
import { requireTombstoneKey } from '../settings/tombstone-keys.ts'
import { withDatabase } from './database.ts'
import { bad, good, output, warn } from './output.ts'
import { foldJob, showSteps } from './replay.ts'

type ArchiveOptions = {
  readonly before?: string
  readonly serial?: string
  readonly output?: string
  readonly dryRun?: boolean
  readonly remove?: boolean
  readonly reason?: string
  readonly by?: string
}

const reasonCharsMax = 1000

type AddCommand = (archive: Command, isJson: () => boolean) => Command

export function archiveCommands(program: Command, isJson: () => boolean): void {
  const archive = addArchive(program, isJson)
  for (const add of [addVerify, addShow, addRemove, addPublicKey]) add(archive, isJson)
}

const addArchive: AddCommand = (program, isJson) =>
  program
    .command('archive')
    .description('write the histories of closed jobs to a file that anyone can verify; give jobs, --serial or --before')
    .argument('[jobs...]', 'job ids', (id: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      readJobId(id),
    ])
    .option('--before <time>', 'only jobs whose last event is before this time', readInstant)
    .option('--serial <serial>', 'only jobs of this server')
    .option('--output <file>', 'the new file, gzip')
    .option('--dry-run', 'only count the jobs')
    .option('--remove', 'then remove the jobs from the log; each leaves a signed tombstone')
    .option('--reason <text>', 'why the jobs are removed', readReason)
    .option('--by <name>', 'who removes the jobs (default: this user)')
    .action(async (jobs: readonly string[] | undefined, options: ArchiveOptions, command: Command) => {
      const { before, serial, output: path, dryRun = false } = options
      const selection: Selection = { jobIds: jobs?.length ? [...new Set(jobs)] : undefined, before, serial }
      await refuseUnusable(command, selection, options)
      const counted = await withDatabase(true, (db) => countSelected(db, selection))
      if (dryRun || path === undefined) return showCounted(counted, isJson())
      if (counted.streams === 0) throw new Error(`there is nothing to archive: ${left(counted)}`)
      await archiveTo(path, { selection, counted, options, json: isJson() })
    })

/** Ends the command with status 2 when its arguments contradict each other, before the database is opened. */
async function refuseUnusable(command: Command, selection: Selection, options: ArchiveOptions): Promise<void> {
  const { output: path, dryRun = false, remove = false, reason } = options
  const wrong = (message: string): never => command.error(`error: ${message}`, { exitCode: 2 })
  if (selection.jobIds === undefined && selection.before === undefined && selection.serial === undefined)
    wrong('give job ids, --serial or --before')
  if (remove && reason === undefined) wrong('--remove needs --reason')
  if (!dryRun && path === undefined) wrong('--output is missing: it names the new file')
  // Writing refuses an existing file as well; this check only comes earlier.
  if (path !== undefined && (await exists(path)))
    wrong(`${path} exists already${remove ? '; "archive remove" continues a removal' : ''}`)
}

type Archiving = {
  readonly selection: Selection
  readonly counted: SelectedJobs
  readonly options: ArchiveOptions
  readonly json: boolean
}

async function archiveTo(path: string, { selection, counted, options, json }: Archiving): Promise<void> {
  const { remove = false, by, reason = '' } = options
  const written = await withDatabase(true, (db) => writeArchive(db, selection, path))
  const removed = remove ? await removeFrom(path, { by, reason }) : undefined
  if (json) output.json({ file: path, ...written, unpublished: counted.unpublished, ...removed })
  else {
    output.line(good(`${written.events} events of ${written.streams} jobs are in ${path}, read back and verified`))
    output.line(`SHA-256 of the file: ${written.file_sha256}`)
    if (counted.unpublished + counted.underWay > 0) output.line(warn(`left: ${left(counted)}`))
    if (removed !== undefined) showRemoved(removed)
  }
  if (removed !== undefined && removed.refused.length > 0) process.exitCode = 1
}

const addVerify: AddCommand = (archive, isJson) =>
  archive
    .command('verify')
    .description('check an archive: completeness, digests, hash chains and replays; names the first bad line')
    .argument('<file>')
    .action(async (path: string) => {
      const verified = await verifyArchive(path)
      if (isJson()) output.json(verified)
      else {
        output.line(`${verified.events} events in ${verified.streams} streams: ${good('the archive is intact')}`)
        output.line(`SHA-256 of the file: ${verified.file_sha256}`)
      }
    })

const addShow: AddCommand = (archive, isJson) =>
  archive
    .command('show')
    .description('list the jobs of an archive, or step through one as "replay" does')
    .argument('<file>')
    .argument('[job]', 'a job id', readJobId)
    .action(async (path: string, jobId: string | undefined) => {
      if (jobId !== undefined) showSteps(foldJob(jobId, await historyIn(path, jobId)), isJson())
      else for await (const stream of streamsIn(path)) showStream(stream, isJson())
    })

const addRemove: AddCommand = (archive, isJson) =>
  archive
    .command('remove')
    .description('remove the jobs of an archive from the log; continues an interrupted removal')
    .argument('<file>')
    .addHelpText('after', '\n--reason <text> (required) and --by <name> are those of "archive".')
    .action(async (path: string, _options: object, command: Command) => {
      // commander assigns an option that a command and its subcommand share to the command.
      const { by, reason } = archive.opts<ArchiveOptions>()
      if (reason === undefined) command.error('error: --reason is missing', { exitCode: 2 })
      const removed = await removeFrom(path, { by, reason })
      if (isJson()) output.json(removed)
      else showRemoved(removed)
      if (removed.refused.length > 0) process.exitCode = 1
    })

const addPublicKey: AddCommand = (archive) =>
  archive
    .command('public-key')
    .description('print the public key with which an auditor checks tombstones: "audit verify --public-key"')
    .action(async () => {
      const { publicKey } = await requireTombstoneKey(process.env)
      output.line(String(publicKey.export({ type: 'spki', format: 'pem' })).trimEnd())
    })

type Why = { readonly by?: string | undefined; readonly reason: string }

async function removeFrom(path: string, { by = `principal:${userInfo().username}`, reason }: Why): Promise<Removed> {
  const key = await requireTombstoneKey(process.env)
  return withDatabase(false, (db: Database) => removeArchived(db, path, { by, reason, key }))
}

async function* streamsIn(path: string): AsyncGenerator<ArchivedStream, void, undefined> {
  for await (const item of readArchive(readLines(path))) if (item.kind === 'stream') yield item.stream
}

/** @throws Error where the archive has no such job; BrokenArchive. */
async function historyIn(path: string, jobId: string): Promise<readonly StoredEvent[]> {
  const wanted = jobStream(jobId)
  const events: Omit<StoredEvent, 'position'>[] = []
  for await (const item of readArchive(readLines(path))) {
    if (item.kind === 'event' && item.event.stream === wanted) events.push(item.event)
    if (item.kind === 'stream' && item.stream.stream === wanted) {
      const { positions } = item.stream
      return events.map((event, index) => ({ ...event, position: positions[index] ?? '' }))
    }
  }
  throw new Error(`${path} has no job ${jobId}`)
}

function showStream({ stream, events, head_hash }: ArchivedStream, json: boolean): void {
  const { id } = parseStream(stream)
  if (json) output.line(JSON.stringify({ job_id: id, events, head_hash }))
  else output.line(`${id}  ${String(events).padStart(6)} events  ${head_hash}`)
}

function showCounted(counted: SelectedJobs, json: boolean): void {
  if (json) {
    output.json(counted)
    return
  }
  output.line(`${counted.events} events of ${counted.streams} jobs would be archived`)
  if (counted.unpublished + counted.underWay > 0) output.line(warn(`left: ${left(counted)}`))
}

function left({ unpublished, underWay }: SelectedJobs): string {
  return `${unpublished} complete jobs are not published to NATS yet, ${underWay} jobs are under way`
}

function showRemoved({ removed, before, refused }: Removed): void {
  for (const { stream, reason } of refused) output.line(bad(`${stream} stays: ${reason}`))
  const earlier = before === 0 ? '' : `, ${before} were removed before`
  output.line(good(`${removed} histories are removed from the log, each with a signed tombstone${earlier}`))
}

function readJobId(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new InvalidArgumentError('a job id is a UUID')
  return text
}

function readInstant(text: string): string {
  if (Number.isNaN(Date.parse(text))) throw new InvalidArgumentError('an instant looks like 2026-03-01T12:00:00Z')
  return new Date(text).toISOString()
}

function readReason(text: string): string {
  if (text.trim() === '' || text.length > reasonCharsMax)
    throw new InvalidArgumentError(`1 to ${reasonCharsMax} characters`)
  return text
}
