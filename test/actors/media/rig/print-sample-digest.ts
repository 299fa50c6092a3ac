// Run as a program of its own, in some directory, time zone and umask: prints the digest of the sample task ISO, or of the
// image with the same files when it is asked for that.
import { createHash } from 'node:crypto'
import { sampleImg, sampleIso } from './sample-task.ts'

const bytes = process.argv[2] === 'img' ? sampleImg() : sampleIso()
process.stdout.write(`${createHash('sha256').update(bytes).digest('hex')}\n`)
