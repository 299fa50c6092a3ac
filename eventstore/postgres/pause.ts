/**
 * Resolves after `ms`, when the signal aborts, or when the caller calls the function that `endsBy` got; never rejects.
 */
export async function pause(ms: number, signal: AbortSignal, endsBy?: (end: () => void) => void): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  endsBy?.(resolve)
  const timer = setTimeout(resolve, ms)
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort)
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
}
