/** Reads the readable members of a Redfish collection, over its pages. */
import type { Call } from '../call.ts'
import { isDoc, linkOf } from '../documents/resource.ts'
import type { Answer } from './answer.ts'
import type { Service } from './service.ts'

/**
 * The members in the BMC's order. A missing `Members` is an empty collection (X10); members that the BMC refuses or that
 * are no documents are left out (DGX, Cisco; quirks.md 2); a `Members` that is no list is `malformed`.
 */
export async function readCollection(service: Service, call: Call, path: string): Promise<readonly Answer[]> {
  const first = await service.readOptional(call, path)
  return first === null ? [] : readMembers(service, call, first)
}

/**
 * The members of a collection from its first page on; members that `skips` names are not read. `membersMax` bounds pages
 * and members, and no page is read twice, so that a cyclic collection ends.
 */
export async function readMembers(
  service: Service,
  call: Call,
  first: Answer,
  skips: (path: string) => boolean = () => false,
): Promise<readonly Answer[]> {
  const members: Answer[] = []
  const pages = new Set<string>([first.path])
  for (let page: Answer | null = first; page !== null; ) {
    for (const link of memberLinks(service, call, page)) {
      if (members.length >= service.limits.membersMax) return members
      const member = skips(link) ? null : await service.readOptional(call, link)
      if (member !== null) members.push(member)
    }
    const next: unknown = page.doc['Members@odata.nextLink']
    if (next === undefined || next === null || pages.size >= service.limits.membersMax) break
    const path = service.follow(call, next, page.path)
    if (pages.has(path)) break
    pages.add(path)
    page = await service.readOptional(call, path)
  }
  return members
}

/** Links of the members on one page, each once (compared without letter case: iLO 4 mixes them, quirks.md 2). */
export function memberLinks(service: Service, call: Call, page: Answer): readonly string[] {
  const members = page.doc['Members']
  if (members === undefined || members === null) return []
  if (!Array.isArray(members)) {
    const failure = { kind: 'malformed', retry: false, path: page.path, detail: 'Members is not a list' } as const
    throw service.fail(call, failure, { method: 'GET', target: page.path })
  }
  const links = new Map<string, string>()
  for (const member of members.filter((item: unknown) => isDoc(item) && linkOf(item) !== null)) {
    const link = service.follow(call, member, page.path)
    const key = samePathKey(link)
    if (!links.has(key)) links.set(key, link)
  }
  return [...links.values()]
}

/** Paths that differ only in letter case or a trailing slash name the same resource. */
export function samePathKey(path: string): string {
  return path.toLowerCase().replace(/\/+$/, '')
}
