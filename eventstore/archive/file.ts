/** Archives as files: gzip, written whole or not at all, read line by line. */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { BrokenArchive } from './format.ts'

/** More than any event or any stream's positions take. A file with a longer line is no archive. */
const lineBytesMax = 64 * 2 ** 20
const newline = 10

/**
 * Writes lines to a new file, readable by its owner only. It appears under its name when all of it is on the disk; a
 * crash leaves at most a file named `<name>.<random>.part` beside it.
 * @throws the system's EEXIST where there is a file of that name; it is left as it is.
 */
export async function writeLines(path: string, lines: AsyncIterable<string>): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.part`
  try {
    const bytes = async function* () {
      for await (const line of lines) yield `${line}\n`
    }
    const file = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true })
    await pipeline(bytes, createGzip(), file)
    // A link never replaces a file, which a rename does.
    await link(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
  const folder = await open(dirname(path))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * The lines of a file, in order and unchecked.
 * @throws BrokenArchive where it is not gzip, is cut off, or has a line of more than 64 MiB.
 */
export async function* readLines(path: string): AsyncGenerator<string, void, undefined> {
  const unpacked = createGunzip()
  // A read error reaches the loop below: pipeline destroys `unpacked` with it.
  const unpacking = pipeline(createReadStream(path), unpacked).catch((error: unknown) =>
    unpacked.destroy(error as Error),
  )
  let number = 1
  let rest: Buffer[] = []
  let restBytes = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      let from = 0
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, at)]).toString()
        number += 1
        rest = []
        restBytes = 0
        from = at + 1
      }
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
      if (restBytes > lineBytesMax) throw new BrokenArchive(number, `it is longer than ${lineBytesMax} bytes`)
    }
    if (restBytes > 0) throw new BrokenArchive(number, 'it has no end: the archive was cut off')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    // zlib's codes: Z_DATA_ERROR, Z_BUF_ERROR for an unexpected end.
    if (code.startsWith('Z_')) throw new BrokenArchive(number, `it cannot be unpacked (${(error as Error).message})`)
    throw error
  } finally {
    unpacked.destroy()
    await unpacking
  }
}

/** SHA-256 of the file's bytes, as `sha256sum` prints it. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
