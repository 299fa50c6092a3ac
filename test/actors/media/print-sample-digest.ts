// Run as a program of its own, in some directory, time zone and umask: prints the digest of the sample task ISO.
import { createHash } from 'node:crypto'
import { sampleIso } from './sample-task.ts'

process.stdout.write(`${createHash('sha256').update(sampleIso()).digest('hex')}\n`)
