// A controller process that starts a server and is killed by SIGKILL, as a test of what the next one finds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Resolves once a process of its own has evaluated the expression, which must be the promise of a started server, and was
 * killed after that.
 * @throws when the process ended in another way, with what it said.
 */
export async function killAfter({ module, expression }: { module: string; expression: string }): Promise<void> {
  const script = `import * as started from ${JSON.stringify(module)}
    await (${expression})
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [, signal] = await once(child, 'close')
  if (signal !== 'SIGKILL') throw new Error(`the controller was not killed: ${said}`)
}
