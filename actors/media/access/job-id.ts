/** The only form of a job id in paths: a UUID in lower case. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isJobId(text: string): boolean {
  return uuid.test(text)
}
