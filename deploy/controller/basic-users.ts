/** Users of basic authentication: the one of the environment, or a file of many with argon2id hashes. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { AuthOptions, BasicUser } from '../../api/access/auth.ts'
import { roles } from '../../api/access/principals.ts'
import type { Auth } from '../settings/config.ts'

const usersFile = z.array(
  z.strictObject({
    username: z.string().min(1).max(128),
    role: z.enum(roles),
    password_hash: z.string().startsWith('$argon2id$'),
  }),
)

/**
 * How the API authenticates its callers. The user of `BASIC_USER` is an admin.
 * @throws Error when the users file cannot be read or has another shape; the message names the place in the file, never a hash.
 */
export async function authOptions(auth: Auth): Promise<AuthOptions> {
  if (auth.mode === 'none') return auth
  if (auth.mode === 'jwt') {
    const { verifyWith, audience, issuer } = auth
    const key = 'secret' in verifyWith ? { secret: verifyWith.secret.reveal() } : verifyWith
    return { mode: 'jwt', key, audience, issuer }
  }
  if ('user' in auth) {
    return {
      mode: 'basic',
      users: [{ username: auth.user, role: 'admin', password: { plain: auth.password.reveal() } }],
    }
  }
  return { mode: 'basic', users: await readUsers(auth.usersFile) }
}

async function readUsers(path: string): Promise<BasicUser[]> {
  const parsed = usersFile.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(file)'}: ${issue.code}`)
    throw new Error(
      `BASIC_USERS_FILE ${path}: write [{"username", "role", "password_hash"}, ...] (${faults.join(', ')})`,
    )
  }
  return parsed.data.map(({ username, role, password_hash }) => ({ username, role, password: { hash: password_hash } }))
}
